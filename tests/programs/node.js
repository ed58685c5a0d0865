// SPDX-License-Identifier: GPL-3.0-or-later
// Node's net and http on both sides, without a word of TLS:
//   node.js net|http serve|cluster|children PORT
//   node.js net|http HOST PORT say TEXT | hold | bulk MIB
'use strict';
const net = require('net');
const http = require('http');
const crypto = require('crypto');
const cluster = require('cluster');
const { fork } = require('child_process');
const [kind, ...words] = process.argv.slice(2);

function die(trouble) {
	console.error(String(trouble));
	process.exit(1);
}

const hash = () => crypto.createHash('sha256');

function server() {
	return kind === 'http'
		? http.createServer((request, response) => {
			response.writeHead(200);
			request.pipe(response);
		})
		: net.createServer({ allowHalfOpen: true }, (socket) => {
			socket.on('error', (trouble) => console.log('connection:', trouble.code));
			socket.pipe(socket);
		});
}

function serve(port) {
	server().listen(port, '127.0.0.1');
}

// The primary accepts, and sends each connection to the next of its workers.
function serveCluster(port) {
	if (!cluster.isPrimary)
		return serve(port);
	for (let i = 0; i < 2; i++)
		cluster.fork();
}

// The same by hand.
function serveChildren(port) {
	if (process.send) {
		const served = server();
		process.on('message', (word, socket) => {
			served.emit('connection', socket);
			socket.resume();
		});
		return;
	}
	const children = [0, 1].map(() => fork(__filename, process.argv.slice(2)));
	let next = 0;
	net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
		children[next++ % 2].send('connection', socket)).listen(port, '127.0.0.1');
}

// A duplex stream to the echo: what is written comes back.
function talkNet(host, port, ready) {
	const socket = net.connect({ host, port, family: 4, allowHalfOpen: true, timeout: 25000 });
	socket.on('error', die);
	socket.on('timeout', () => die('timeout'));
	socket.on('connect', () => ready(socket, socket));
}

function talkHttp(host, port, ready) {
	const agent = new http.Agent({ keepAlive: true, family: 4 });
	const request = http.request({ host, port, agent, method: 'POST', timeout: 25000 });
	request.on('error', die);
	request.on('timeout', () => die('timeout'));
	request.on('response', (response) => {
		response.on('error', die);
		ready.answer(response);
	});
	ready(request, { on: () => 0 });
}

function collect(reader, size, done) {
	let got = Buffer.alloc(0);
	reader.on('data', (data) => {
		got = Buffer.concat([got, data]);
		if (got.length >= size)
			done(got.toString());
	});
	reader.on('end', () => got.length < size && die(`ended after ${got.length} bytes`));
}

function say(host, port, text, hold) {
	const done = (got) => {
		console.log(got);
		if (!hold)
			process.exit(0);
		setInterval(() => 0, 60000);
	};
	const ready = (writer, reader) => {
		if (kind === 'net')
			collect(reader, text.length, done);
		writer[kind === 'net' ? 'write' : 'end'](text);
	};
	ready.answer = (response) => collect(response, text.length, done);
	(kind === 'net' ? talkNet : talkHttp)(host, port, ready);
}

function bulk(host, port, blocks) {
	const sent = hash();
	const got = hash();
	let left = blocks;
	const read = (reader) => {
		reader.on('data', (data) => got.update(data));
		reader.on('end', () => {
			if (left || sent.digest('hex') !== got.digest('hex'))
				die('the bytes came back changed');
			process.exit(0);
		});
	};
	const ready = (writer, reader) => {
		const more = () => {
			while (left) {
				const block = crypto.randomBytes(1 << 20);
				sent.update(block);
				left--;
				if (!writer.write(block))
					return writer.once('drain', more);
			}
			writer.end();
		};
		if (kind === 'net')
			read(reader);
		more();
	};
	ready.answer = read;
	(kind === 'net' ? talkNet : talkHttp)(host, port, ready);
}

const roles = { serve, cluster: serveCluster, children: serveChildren };
if (roles[words[0]])
	roles[words[0]](Number(words[1]));
else if (words[2] === 'bulk')
	bulk(words[0], Number(words[1]), Number(words[3]));
else
	say(words[0], Number(words[1]), words[3] || 'held', words[2] === 'hold');
