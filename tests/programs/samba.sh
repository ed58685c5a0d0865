#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Samba: smbd forks for each client, reads and writes by threads, sendfile and straight from the
# socket, and passes connections on; smbclient.
. "$(dirname "$0")/lib.sh"
begin samba smbd smbclient smbcontrol
[ "$(id -u)" -eq 0 ] || skip "smbd needs root to become its guests"

ask=(smbclient -s "$tmp/smb.conf" -N -E)

# shares [NAME]: the configuration, with one more share.
shares()
{
	local share
	cat >"$tmp/smb.conf.new" <<-EOT
		[global]
			server role = standalone server
			smb ports = $port
			interfaces = lo
			bind interfaces only = yes
			disable netbios = yes
			disable spoolss = yes
			load printers = no
			private dir = $tmp/private
			state directory = $tmp/state
			cache directory = $tmp/cache
			lock directory = $tmp/lock
			pid directory = $tmp/pid
			ncalrpc dir = $tmp/ncalrpc
			log file = $tmp/smbd.out
			map to guest = Bad User
			guest account = nobody
			smb encrypt = off
			min receivefile size = 65536
	EOT
	for share in threads direct "$@"; do
		printf '[%s]\npath = %s\nguest ok = yes\nread only = no\n' "$share" "$tmp/share"
		[ "$share" != direct ] ||
			printf 'use sendfile = yes\naio read size = 0\naio write size = 0\n'
	done >>"$tmp/smb.conf.new"
	mv "$tmp/smb.conf.new" "$tmp/smb.conf"
}

server() # PORT
{
	rm -f "$tmp/pid"/*
	shares
	spawn server "${as_server[@]}" smbd "${way:--F}" --no-process-group -s "$tmp/smb.conf"
	server=$spawned
	if [ "${way:--F}" = -D ]; then
		await "a daemon" test -s "$tmp/pid/smbd.pid"
		server=$(<"$tmp/pid/smbd.pid")
	fi
	spawned=$server await_listen "$1"
}

# smb SHARE COMMANDS
smb()
{
	"${as_client[@]}" "${ask[@]}" -p "$port" "//localhost/$1" -c "$2"
}

client() # PORT TEXT
{
	printf %s "$2" >"$tmp/words"
	port=$1 smb threads "put $tmp/words words; get words -" 2>>"$tmp/client.out"
}

# talk NAME PORT OPTION...: a client that stays for what `say` asks of it.
talk()
{
	local fifo
	rm -f "$tmp/$1.in"
	mkfifo "$tmp/$1.in"
	exec {fifo}<>"$tmp/$1.in"
	commands[$1]=$fifo
	spawn "$1" "${as_client[@]}" "${ask[@]}" -p "$2" //127.0.0.1/threads "${@:3}" \
		<"$tmp/$1.in"
	say "$1" ls 'blocks of size'
}

say() # NAME COMMAND ANSWER
{
	: >"$tmp/$1.out"
	echo "$2" >&"${commands[$1]}"
	await "smbclient to be answered '$3'" grep -qs "$3" "$tmp/$1.out"
}

hold() # PORT
{
	talk held "$1"
}

# uploads: a client in the middle of a file that takes seconds.
uploads()
{
	rm -f "$tmp/share/long"
	spawn long "${as_client[@]}" "${ask[@]}" -p "$port" //localhost/threads \
		-c "put $tmp/long long"
	await "an upload to begin" larger "$tmp/share/long" 5000000
}

larger() # FILE BYTES
{
	[ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]
}

# smbd's processes for clients: its children but those that are there from the start.
serving()
{
	children "$server" | grep -vxF "$helpers"
}

nobody_left()
{
	[ -z "$(serving)" ] || return
	[ "$MODE" != bare ] || return 0
	sessions
	jq -e --arg port ":$port" 'all(.[]; .state == "closed" or .state == "failed" or
		((.local, .remote) | endswith($port) | not))' "$tmp/sessions.json" >/dev/null
}

declare -A commands
mkdir "$tmp"/{private,state,cache,lock,pid,share}
chmod 0777 "$tmp/share"
head -c 20M </dev/urandom >"$tmp/big"
cp "$tmp/big" "$tmp/long"
truncate -s 1G "$tmp/long"
chmod 0644 "$tmp/big" "$tmp/long"
trial

fresh_port
server_as server
client_as client
way=-D server "$port"
helpers=$(children "$server")

while IFS=: read -r how share before; do
	step "20 MiB up and down, $how"
	rm -f "$tmp/got" "$tmp/share"/*
	smb "$share" "$before put $tmp/big big; get big $tmp/got" 2>"$tmp/transfer.out" ||
		fail "smbclient failed"
	cmp "$tmp/share/big" "$tmp/big" || fail "the upload arrived changed"
	cmp "$tmp/got" "$tmp/big" || fail "the file arrived changed"
done <<-EOT
	by threads:threads:iosize 16384;
	in large pieces:threads:
	by sendfile:direct:
EOT

step "a listing"
touch "$tmp/share"/{1..600}-has-a-name-that-takes-some-room
got=$(smb threads ls 2>&1 | grep -o '[0-9]*-has-[a-z-]*' | sort | md5sum)
[ "$got" = "$(cd "$tmp/share" && printf '%s\n' *-has-* | sort | md5sum)" ] ||
	fail "the listing is not of the names that are there"
rm "$tmp/share"/*-has-*

step "clients at once, and a new configuration meanwhile"
hold "$port"
several=()
for n in 1 2 3 4 5 6; do
	[ $((n % 2)) -eq 0 ] && share=direct || share=threads
	head -c $((5000000 + n)) "$tmp/big" >"$tmp/up.$n"
	spawn "several.$n" "${as_client[@]}" "${ask[@]}" -p "$port" "//localhost/$share" \
		-c "put $tmp/up.$n $n; get $n $tmp/down.$n; get big $tmp/big.$n"
	several+=("$spawned")
done
shares later
kill -HUP "$server" || fail "smbd has died"
await "the new share" smb later ls 2>>"$tmp/client.out"
for n in 1 2 3 4 5 6; do
	wait "${several[n - 1]}" || fail "client $n failed"
	cmp "$tmp/up.$n" "$tmp/down.$n" && cmp "$tmp/big.$n" "$tmp/big" || fail "a file changed"
done
smbcontrol -s "$tmp/smb.conf" smbd reload-config >"$tmp/control.out" 2>&1 ||
	fail "smbcontrol failed"
say held "get 1 $tmp/down.1" 'getting file'

step "a second connection of the same client, which is passed on"
guid=--option=libsmb:client_guid=00112233-4455-6677-8899-aabbccddeeff
talk first "$port" "$guid"
before=$(serving)
talk second "$port" "$guid"
await "one process for both" eval '[ "$(serving)" = "$before" ]'
say second "get big $tmp/got" 'getting file'
cmp "$tmp/got" "$tmp/big" || fail "the file arrived changed"
say first 'ls 1' 'blocks of size'

if command -v smbtorture >/dev/null; then
	step "Samba's own tests of leases that several connections share"
	for n in lease.lock1 lease.complex1 lease.v2_complex2; do
		"${as_client[@]}" smbtorture -s "$tmp/smb.conf" -p "$port" -U nobody% \
			//localhost/threads "smb2.$n" >"$tmp/torture.out" 2>&1 ||
			fail "smbtorture smb2.$n failed"
	done
else
	echo "  (left out: no smbtorture here)"
fi

step "clients killed in the middle of an upload and of a download"
uploads
kill -KILL -- "-$spawned"
rm -f "$tmp/drain"
mkfifo "$tmp/drain"
exec {drain}<>"$tmp/drain"
spawn down "${as_client[@]}" "${ask[@]}" -p "$port" //localhost/direct \
	-c "get big $tmp/drain"
head -c 100000 <&"$drain" | cmp -n 100000 - "$tmp/big" || fail "the file began changed"
kill -KILL -- "-$spawned"
cmp -n 1000000 "$tmp/share/long" "$tmp/big" || fail "the upload began changed"
answers "$port" and-again

step "nobody is left when the clients have gone"
for n in "${!commands[@]}"; do
	echo exit >&"${commands[$n]}"
done
await "the last of smbd's processes to end" nobody_left

step "smbd's process is killed, the others go on"
hold "$port"
others=$(serving)
uploads
kill -KILL "$(serving | grep -vxF "$others")"
! wait "$spawned" || fail "the client does not show that the connection failed"
say held "get big $tmp/got" 'getting file'
answers "$port" still-there
alive "$server" || fail "smbd has died"
! grep -iE 'panic|internal error' "$tmp/smbd.out" || fail "smbd complains"

finish
