# SPDX-License-Identifier: GPL-3.0-or-later
# A protocol of lines on standard streams, as super-servers start them, and a client of it.
#
#   lines.pl serve LOG [FD]    one conversation, on 0 and 1 or FD; its end becomes a line of LOG
#   lines.pl accept LOG        any number, with those whom the listening socket 3 accepts
#   lines.pl ask PORT WORD...  says each WORD in turn and prints what comes back
#
# PEER            whom the server's socket is connected to
# PUT, GET FILE   the file's checksum, as the other end sees it
# HALF FILE       the server ends its direction first and is then sent the file; its LOG has the sum
# DIE             the server is killed with bytes unread
# LEAVE FILE      the client is, in the middle of the file
# QUIT            a last line, then the end
use strict;
use warnings;
use Digest::MD5;
use IO::Socket::INET;

$SIG{PIPE} = 'IGNORE';
my ($role, $where, @words) = @ARGV;
my ($in, $out) = (\*STDIN, \*STDOUT);

sub copied # FROM, BYTES or all there is: the checksum of what was read
{
	my ($from, $left) = @_;
	my $sum = Digest::MD5->new;
	while (!defined $left || $left > 0) {
		my $want = defined $left && $left < 65536 ? $left : 65536;
		my $got = read($from, my $data, $want);
		return "failed after " . ($left // 'some') unless defined $got;
		last if $got == 0;
		$sum->add($data);
		$left -= $got if defined $left;
	}
	return $sum->hexdigest;
}

sub content
{
	open my $file, '<:raw', $_[0] or die "$_[0]: $!";
	local $/;
	return <$file>;
}

sub serve
{
	print $out "hello\n";
	while ($! = 0, defined(my $line = <$in>)) {
		my ($word, $argument) = split ' ', $line;
		if ($word eq 'PEER') {
			my ($port, $address) = unpack_sockaddr_in(getpeername($in));
			print $out inet_ntoa($address), "\n";
		} elsif ($word eq 'PUT') {
			print $out copied($in, $argument), "\n";
		} elsif ($word eq 'GET') {
			print $out -s $argument, "\n";
			print $out content($argument) or return "failed";
		} elsif ($word eq 'HALF') {
			shutdown($out, 1) or return "shutdown: $!";
			return "half " . copied($in);
		} elsif ($word eq 'DIE') {
			print $out "ready\n";
			vec(my $wait = '', fileno($in), 1) = 1;
			select($wait, undef, undef, undef);
			kill 'KILL', $$;
		} else {
			print $out "bye\n";
			return "quit";
		}
	}
	return $! ? "failed" : "end";
}

sub ask
{
	$in = $out = IO::Socket::INET->new("localhost:$where") or die "connect: $!\n";
	my $answer = sub { my $line = <$in>; die "no answer: $!\n" unless defined $line; $line };
	print $answer->();
	while (my $word = shift @words) {
		my $file = $word =~ /PUT|GET|HALF|LEAVE/ ? shift @words : undef;
		print $out $word =~ s/LEAVE/GET/r, $word eq 'PUT' ? ' ' . -s $file : $file ? " $file" : '', "\n";
		if ($word eq 'PUT') {
			print $out content($file);
			print "put ", $answer->();
		} elsif ($word eq 'GET') {
			my $size = $answer->();
			print "got ", copied($in, $size), "\n";
		} elsif ($word eq 'LEAVE') {
			$answer->();
			kill 'KILL', $$;
		} elsif ($word eq 'HALF') {
			print defined(<$in>) ? "more\n" : "half\n";
			print $out content($file);
			exit;
		} elsif ($word eq 'DIE') {
			print $answer->();
			print $out 'x' x 1000;
			$! = 0;
			print defined(<$in>) ? "more\n" : $!{ECONNRESET} ? "reset\n" : "end: $!\n";
			exit;
		} else {
			print $answer->();
		}
	}
	print defined(<$in>) ? "more\n" : "end\n";
}

sub handle { IO::Socket::INET->new_from_fd($_[0], '+<') or die "$_[0]: $!" }

if ($role eq 'accept') {
	my $listener = handle(3);
	$SIG{CHLD} = 'IGNORE';
	while ($in = $out = $listener->accept) {
		last unless fork;
		undef $in;
		undef $out;
	}
} elsif ($role eq 'serve' && @words) {
	$in = $out = handle($words[0]);
}
binmode $in;
binmode $out;
$out->autoflush;
if ($role ne 'ask') {
	my $end = serve();
	open my $log, '>>', $where or die "$where: $!";
	print $log "$end\n";
} else {
	$| = 1;
	ask();
}
