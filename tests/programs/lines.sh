# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154,SC2016
# Conversations with lines.pl, however it was started: $port has it, ${lines[@]} is its command.

lines=("$(command -v perl)" "$root/tests/programs/lines.pl" serve "$tmp/heard")
head -c 5M </dev/urandom >"$tmp/there"
sum=$(md5sum <"$tmp/there" | cut -d' ' -f1)

# heard LINE: what the program has logged of its end.
heard()
{
	await "the served program to say: $1" grep -qsx "$1" "$tmp/heard"
	rm -f "$tmp/heard"
}

asked() # WORD...
{
	"${as_client[@]}" "${lines[@]:0:2}" ask "$port" "$@" 2>>"$tmp/client.out"
}

# Is there cat?  The client ends its direction behind the file.
echoes()
{
	"${as_client[@]}" nc -N localhost "$port" <"$tmp/there" >"$tmp/got" || fail "nc failed"
	cmp "$tmp/there" "$tmp/got" || fail "the file came back changed"
}

converses()
{
	local got words=(PUT "$tmp/there" GET "$tmp/there" PUT "$tmp/there")
	local want=$'hello\n'"put $sum"$'\n'"got $sum"$'\n'"put $sum"
	got=$(asked "${words[@]}" QUIT) || fail "the client failed"
	[ "$got" = "$want"$'\nbye\nend' ] || fail "the client heard: $got"
	heard quit
}

# For a program that has the socket itself: it ends first, is killed, asks whom it speaks to.
ends()
{
	local got
	got=$(asked HALF "$tmp/there") || fail "the client failed"
	[ "$got" = $'hello\nhalf' ] || fail "where the server ends first, the client heard: $got"
	heard "half $sum"
	got=$(asked DIE) || fail "the client failed"
	[ "$got" = $'hello\nready\nreset' ] || fail "of a killed server the client heard: $got"
	[ "${way:-}" = alone ] && return
	[ "$(asked PEER QUIT | sed -n 2p)" = 127.0.0.1 ] || fail "the program sees another peer"
	heard quit
}

# The client says nothing.
stays_silent()
{
	: | "${as_client[@]}" nc -N localhost "$port" >"$tmp/got" || fail "nc failed"
	[ "$(cat "$tmp/got")" = hello ] || fail "nc heard: $(cat "$tmp/got")"
	heard end
}

# The client leaves at once, and is killed in the middle of a file.
leaves()
{
	"${as_client[@]}" bash -c ': <"/dev/tcp/127.0.0.1/$1"' leaver "$port" ||
		fail "no connection"
	heard 'end\|failed'
	{ asked LEAVE "$tmp/there" >"$tmp/got"; } 2>/dev/null
	[ $? -eq 137 ] || fail "the client was not killed"
	heard failed
}
