#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # expanded by an inner program
# Sockets of script languages: Tcl, PHP, gawk, bash, and perl with a fork in between.
. "$(dirname "$0")/lib.sh"
begin scripts perl nc tclsh php gawk
. "$root/tests/programs/lines.sh"

# Tcl: an event loop, no blocking; what is sent to it comes back.
server() # PORT
{
	cat >"$tmp/echo.tcl" <<-'END'
		proc accepted {peer address port} {
			fconfigure $peer -blocking 0 -buffering none -translation binary
			fileevent $peer readable [list back $peer]
		}
		proc back {peer} {
			if {[catch {read $peer} data] || ($data eq "" && [eof $peer])} {
				catch {close $peer}
			} else {
				catch {puts -nonewline $peer $data}
			}
		}
		socket -server accepted -myaddr 127.0.0.1 [lindex $argv 0]
		vwait forever
	END
	spawn server "${as_server[@]}" tclsh "$tmp/echo.tcl" "$1"
	server=$spawned
	await_listen "$1"
}

# PHP: an unbuffered look and a line.
client() # PORT TEXT
{
	"${as_client[@]}" php -n -r '
		$s = stream_socket_client("tcp://localhost:$argv[1]", $no, $why, 20);
		if (!$s || !fwrite($s, "$argv[2]\n")) exit(1);
		$r = [$s]; $none = [];
		if (stream_select($r, $none, $none, 20) != 1) exit(2);
		$line = fgets($s); if ($line === false) exit(3); echo $line;' "$1" "$2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" php -n -r '$s = fsockopen("127.0.0.1", $argv[1]);
		fwrite($s, "held\n"); echo fgets($s); fgets($s);' "$1"
	await "PHP to be answered" grep -qs held "$tmp/held.out"
}

trial

# heard_by LANGUAGE WANTED COMMAND...: what the client prints.
heard_by()
{
	local who=$1 want=$2 got
	shift 2
	got=$("${as_client[@]}" "$@" 2>>"$tmp/client.out") || fail "$who failed"
	[ "$got" = "$want" ] || fail "$who heard: $(cut -c1-200 <<<"$got")"
}

step "each language speaks to Tcl"
fresh_port
server_as server
client_as client
server "$port"
heard_by Tcl "$sum 5242880" tclsh /dev/stdin "$port" "$tmp/there" <<'END'
set s [socket -async localhost [lindex $argv 0]]
fconfigure $s -blocking 0 -translation binary
set f [open [lindex $argv 1] rb]
set out [read $f]
set in ""
fileevent $s writable {
	fileevent $s writable {}
	if {[set why [fconfigure $s -error]] ne ""} {error $why}
	puts -nonewline $s $out
	flush $s
}
fileevent $s readable {
	append in [read $s]
	if {[eof $s] || [string length $in] >= [string length $out]} {set done 1}
}
vwait done
set sum [open "|md5sum" r+b]
puts -nonewline $sum $in
close $sum write
puts "[lindex [read $sum] 0] [string length $in]"
END
heard_by "Tcl by lines" $'one\ntwo' tclsh /dev/stdin "$port" <<'END'
set s [socket localhost [lindex $argv 0]]
fconfigure $s -buffering line -translation crlf
puts $s one
puts [gets $s]
puts $s two
puts [gets $s]
END
heard_by gawk $'one\ntwo\nend' gawk -v "to=/inet/tcp/0/127.0.0.1/$port" 'BEGIN {
	print "one" |& to; to |& getline line; print line
	print "two" |& to; close(to, "to"); to |& getline line; print line
	print (to |& getline line) == 0 ? "end" : "more"; close(to) }'
heard_by bash $'one\n  two\nend' bash -c 'exec 3<>"/dev/tcp/localhost/$1"; cat >&3 <<-END
		one
		  two
	END
	read -r line <&3; echo "$line"; IFS= read -r line <&3; echo "$line"
	exec 3>&-; echo end' bash "$port"
heard_by "perl with a child" "$sum" perl -MIO::Socket::INET -MDigest::MD5 -e '
	$s = IO::Socket::INET->new("localhost:$ARGV[0]") or die $!; binmode $s;
	if (!fork) { open F, "<:raw", $ARGV[1]; print $s $_ while read F, $_, 65536;
		$s->flush; shutdown $s, 1; exit }
	print Digest::MD5->new->addfile($s)->hexdigest; wait' "$port" "$tmp/there"
heard_by "PHP to the end" "$sum" php -n -r '$s = fsockopen("localhost", $argv[1]);
	stream_set_blocking($s, false); $out = file_get_contents($argv[2]); $in = "";
	for ($at = 0, $open = true; $open;) {
		$r = [$s]; $w = $at < strlen($out) ? [$s] : []; $e = [];
		if (!stream_select($r, $w, $e, 20)) exit(1);
		if ($w) { $at += fwrite($s, substr($out, $at, 65536));
			if ($at == strlen($out)) stream_socket_shutdown($s, STREAM_SHUT_WR); }
		if ($r) { $in .= fread($s, 65536); $open = !feof($s); }
	} echo md5($in);' "$port" "$tmp/there"
stop_all

step "PHP serves"
fresh_port
server_as server
client_as client
spawn server "${as_server[@]}" php -n -r '
	$l = stream_socket_server("tcp://127.0.0.1:$argv[1]"); $all = [$l];
	while (true) {
		$r = $all; $none = [];
		stream_select($r, $none, $none, null);
		foreach ($r as $s)
			if ($s === $l) $all[] = stream_socket_accept($l);
			elseif (($data = fread($s, 65536)) === "" || $data === false) {
				unset($all[array_search($s, $all, true)]); fclose($s);
			} else fwrite($s, $data);
	}' "$port"
server=$spawned
await_listen "$port"
answers "$port" "$marker"
echoes
"${as_client[@]}" bash -c ': <"/dev/tcp/127.0.0.1/$1"' leaver "$port" || fail "no connection"
answers "$port" "$marker"
stop_all

no_carrier
finish
