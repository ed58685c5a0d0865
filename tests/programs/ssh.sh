#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# OpenSSH: ssh and scp through a sleeved nc, sshd -i behind a sleeved super-server.
. "$(dirname "$0")/lib.sh"
begin ssh ssh scp sshd ssh-keygen nc
[ "$(id -u)" -ne 0 ] || [ -d /run/sshd ] || mkdir -p /run/sshd 2>/dev/null ||
	skip "sshd needs /run/sshd"
user=$(id -un)

ssh-keygen -q -t ed25519 -N '' -f "$tmp/host" && ssh-keygen -q -t ed25519 -N '' -f "$tmp/user" ||
	fail "no keys"
cp "$tmp/user.pub" "$tmp/authorized"
cat >"$tmp/sshd.conf" <<-EOT
	HostKey $tmp/host
	AuthorizedKeysFile $tmp/authorized
	PidFile none
	StrictModes no
	UsePAM no
	PermitRootLogin yes
	PasswordAuthentication no
	KbdInteractiveAuthentication no
	Subsystem sftp internal-sftp
	LogLevel ERROR
EOT

# socat accepts, forks, and makes the connection sshd's standard input and output.
server() # PORT
{
	spawn server "${as_server[@]}" socat "TCP-LISTEN:$1,bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$(command -v sshd) -i -f $tmp/sshd.conf -E $tmp/sshd.out,nofork"
	server=$spawned
	await_listen "$1"
}

# Makes $tmp/ssh.conf, in which nc alone is sleeved, and ssh talks to it through pipes.
configure() # HOST PORT
{
	cat >"$tmp/ssh.conf" <<-EOT
		Host there
		HostName $1
		Port $2
		User $user
		IdentityFile $tmp/user
		IdentitiesOnly yes
		StrictHostKeyChecking no
		UserKnownHostsFile $tmp/known
		LogLevel ERROR
		BatchMode yes
		ProxyCommand ${as_client[*]} nc %h %p
	EOT
}

client() # PORT TEXT
{
	configure localhost "$1"
	timeout 30 ssh -F "$tmp/ssh.conf" there "echo $2"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	configure 127.0.0.1 "$1"
	spawn held ssh -F "$tmp/ssh.conf" there 'echo held; exec cat' <&"$never"
	await "ssh to be answered" grep -qs held "$tmp/held.out"
}

# What ssh says is encrypted bare, too; the greetings of both sides are not.
marker=SSH-2.0-OpenSSH
answers_ssh() # PORT
{
	local got
	got=$(client "$1" said-there) || fail "ssh failed with status $?"
	[ "$got" = said-there ] || fail "ssh printed $got"
}

for who in bare server; do
	step "a command, $who"
	fresh_port
	server_as $who
	CLIENT_BOUND=60 client_as "${who/server/client}"
	server "$port"
	eavesdrop "$port"
	answers_ssh "$port"
	overheard
	if [ $who = bare ] || [ "$MODE" = bare ]; then
		wire_shows "$marker"
	else
		wire_hides "$marker"
		wire_is_tls13
	fi
	[ $who = server ] || stop_all
done

step "the registry while a connection is open"
hold "$port"
engine=carrier session_right accept "$port" spiffe://test/client
session_right connect "$port" 127.0.0.1
stop "$spawned"

step "20 MiB there and back by scp, as sftp and as of old, and through a pipe"
configure localhost "$port"
head -c 20M </dev/urandom >"$tmp/file"
for way in -s -O; do
	rm -f "$tmp/there" "$tmp/back"
	timeout 40 scp -q $way -F "$tmp/ssh.conf" "$tmp/file" "there:$tmp/there" &&
		timeout 40 scp -q $way -F "$tmp/ssh.conf" "there:$tmp/there" "$tmp/back" ||
		fail "scp $way failed"
	cmp "$tmp/file" "$tmp/there" && cmp "$tmp/file" "$tmp/back" ||
		fail "the file arrived changed by scp $way"
done
sum=$(sha256sum <"$tmp/file")
[ "$(timeout 40 ssh -F "$tmp/ssh.conf" there sha256sum <"$tmp/file")" = "$sum" ] ||
	fail "the file arrived changed through a pipe"

step "exit statuses, and a forwarded port"
timeout 30 ssh -F "$tmp/ssh.conf" there 'exit 7'
[ $? -eq 7 ] || fail "the exit status is not the command's"
free_port
echoes=$free
spawn echo socat "TCP-LISTEN:$echoes,bind=127.0.0.1,reuseaddr,fork" EXEC:cat
await_listen "$echoes"
free_port
spawn forward timeout 60 ssh -F "$tmp/ssh.conf" -N -L "127.0.0.1:$free:127.0.0.1:$echoes" there
await_listen "$free"
timeout 30 nc -N 127.0.0.1 "$free" <"$tmp/file" | cmp - "$tmp/file" ||
	fail "the file came back changed through a forwarded port"
stop_all

[ "$MODE" = bare ] || {
	trial_refused server impostor client peer_untrusted
	trial_refused client stranger server peer_untrusted
}
finish
