# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo servers of the standard library, without a word of TLS: serve.py KIND PORT."""
import asyncio
import http.server
import socketserver
import sys


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            data = self.rfile.read1(50000)
            if not data:
                return
            self.wfile.write(data)


async def echo(reader, writer):
    try:
        while data := await reader.read(50000):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except ConnectionError as trouble:
        print("connection:", trouble, flush=True)
    finally:
        writer.close()


async def serve_asyncio(port):
    server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


class Threading(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 1024


class Closing(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 1024

    def finish_request(self, request, client_address):
        print("closing", flush=True)


class Forking(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128


def main():
    kind, port = sys.argv[1], int(sys.argv[2])
    address = ("127.0.0.1", port)
    if kind == "asyncio":
        asyncio.run(serve_asyncio(port))
    elif kind == "http":
        http.server.ThreadingHTTPServer(address, Http).serve_forever()
    else:
        {"threading": Threading, "forking": Forking, "closing": Closing}[kind](
            address, Echo
        ).serve_forever()


main()
