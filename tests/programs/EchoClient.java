// SPDX-License-Identifier: GPL-3.0-or-later
// A client without a word of TLS: EchoClient nio|blocking HOST PORT say TEXT | hold | bulk MIB.

import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Random;

public class EchoClient {
	static boolean nio;
	static String host;
	static int port;

	public static void main(String[] arguments) throws Exception {
		nio = arguments[0].equals("nio");
		host = arguments[1];
		port = Integer.parseInt(arguments[2]);
		boolean bulk = arguments[3].equals("bulk");
		boolean hold = arguments[3].equals("hold");
		byte[] data = hold ? "held".getBytes() : bulk ? null : arguments[4].getBytes();
		if (bulk) {
			data = new byte[Integer.parseInt(arguments[4]) << 20];
			new Random().nextBytes(data);
		}
		byte[] got = nio ? overSelector(data, bulk) : overStreams(data, bulk);
		if (!bulk)
			System.out.println(new String(got, StandardCharsets.UTF_8));
		else if (!Arrays.equals(digest(data), digest(got)))
			throw new IOException("the bytes came back changed");
		System.out.flush();
		if (hold)
			Thread.sleep(60000);
		kept.close();
	}

	static byte[] digest(byte[] data) throws Exception {
		return MessageDigest.getInstance("SHA-256").digest(data);
	}

	static Closeable kept; /* so that a held connection is not collected */

	static byte[] overStreams(byte[] data, boolean toTheEnd) throws Exception {
		Socket socket = new Socket();
		socket.connect(new InetSocketAddress(host, port), 20000);
		socket.setSoTimeout(25000);
		kept = socket;
		OutputStream out = socket.getOutputStream();
		Thread writer = new Thread(() -> {
			try {
				out.write(data);
				if (toTheEnd)
					socket.shutdownOutput();
			} catch (IOException trouble) {
				System.err.println("write: " + trouble.getMessage());
			}
		});
		writer.start();
		InputStream in = socket.getInputStream();
		byte[] got = in.readNBytes(data.length);
		if (got.length < data.length)
			throw new EOFException("ended after " + got.length + " bytes");
		writer.join();
		if (toTheEnd && in.read() >= 0)
			throw new IOException("more came back than was sent");
		return got;
	}

	static byte[] overSelector(byte[] data, boolean toTheEnd) throws Exception {
		Selector selector = Selector.open();
		SocketChannel channel = SocketChannel.open();
		kept = channel;
		channel.configureBlocking(false);
		channel.connect(new InetSocketAddress(host, port));
		SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT);
		ByteBuffer out = ByteBuffer.wrap(data);
		ByteBuffer in = ByteBuffer.allocate(data.length + 1);
		while (toTheEnd ? in.hasRemaining() : in.position() < data.length) {
			if (selector.select(25000) == 0)
				throw new IOException("nothing happens");
			selector.selectedKeys().clear();
			if (key.isConnectable() && channel.finishConnect())
				key.interestOps(SelectionKey.OP_READ | SelectionKey.OP_WRITE);
			if (key.isWritable() && out.hasRemaining()) {
				channel.write(out);
				if (!out.hasRemaining()) {
					key.interestOps(SelectionKey.OP_READ);
					if (toTheEnd)
						channel.shutdownOutput();
				}
			}
			if (key.isReadable() && channel.read(in) < 0)
				break;
		}
		if (in.position() != data.length)
			throw new EOFException("ended after " + in.position() + " bytes");
		return Arrays.copyOf(in.array(), in.position());
	}
}
