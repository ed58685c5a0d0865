// SPDX-License-Identifier: GPL-3.0-or-later
// An echo server without a word of TLS: EchoServer nio|blocking PORT.

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

public class EchoServer {
	public static void main(String[] arguments) throws IOException {
		int port = Integer.parseInt(arguments[1]);
		if (arguments[0].equals("nio"))
			serveNio(port);
		else
			serveBlocking(port);
	}

	static void serveBlocking(int port) throws IOException {
		ServerSocket server =
			new ServerSocket(port, 100, InetAddress.getByName("127.0.0.1"));
		while (true) {
			Socket socket = server.accept();
			new Thread(() -> echo(socket)).start();
		}
	}

	static void echo(Socket socket) {
		byte[] buffer = new byte[50000];
		try (socket) {
			InputStream in = socket.getInputStream();
			OutputStream out = socket.getOutputStream();
			for (int n; (n = in.read(buffer)) > 0;)
				out.write(buffer, 0, n);
			socket.shutdownOutput();
		} catch (IOException trouble) {
			System.out.println("connection: " + trouble.getMessage());
		}
	}

	static void serveNio(int port) throws IOException {
		Selector selector = Selector.open();
		ServerSocketChannel server = ServerSocketChannel.open();
		server.bind(new InetSocketAddress("127.0.0.1", port), 100);
		server.configureBlocking(false);
		server.register(selector, SelectionKey.OP_ACCEPT);
		while (true) {
			selector.select();
			for (SelectionKey key : selector.selectedKeys()) {
				if (key.isAcceptable())
					accept(server, selector);
				else
					turn(key);
			}
			selector.selectedKeys().clear();
		}
	}

	static void accept(ServerSocketChannel server, Selector selector) throws IOException {
		SocketChannel channel = server.accept();
		if (channel == null)
			return;
		channel.configureBlocking(false);
		channel.register(selector, SelectionKey.OP_READ, ByteBuffer.allocateDirect(50000));
	}

	/* Reads while there is room, writes while there is something; the end goes back too. */
	static void turn(SelectionKey key) throws IOException {
		SocketChannel channel = (SocketChannel) key.channel();
		ByteBuffer buffer = (ByteBuffer) key.attachment();
		try {
			boolean ended = key.isReadable() && channel.read(buffer) < 0;
			buffer.flip();
			channel.write(buffer);
			boolean empty = !buffer.hasRemaining();
			buffer.compact();
			if (ended && empty) {
				channel.shutdownOutput();
				channel.close();
				return;
			}
			key.interestOps(empty ? SelectionKey.OP_READ : SelectionKey.OP_WRITE);
		} catch (IOException trouble) {
			System.out.println("connection: " + trouble.getMessage());
			channel.close();
		}
	}
}
