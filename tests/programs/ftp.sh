#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# ProFTPD, a process a session, with curl and lftp: data connections of either direction.
. "$(dirname "$0")/lib.sh"
begin ftp proftpd curl lftp
data=30
runs_as=$(id -un)
[ "$(id -u)" -ne 0 ] || runs_as=nobody

# The server's data ports and the client's, both below the ephemeral ones.
policies() # PORT
{
	free_port
	theirs=$free-$((free + data))
	free_port
	ours=$free-$((free + data))
	local who
	for who in server impostor; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name in"; on = "accept"; ports = [$1, "$theirs"];
			  mode = "strict"; peer = ["uri:spiffe://test/client"]; },
			{ name = "$name active"; on = "connect"; ports = ["$ours"];
			  mode = "strict"; peer = ["uri:spiffe://test/client"]; }
		EOT
	done
	for who in client stranger; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name out"; on = "connect"; ports = [$1, "$theirs"];
			  mode = "strict"; },
			{ name = "$name active"; on = "accept"; ports = ["$ours"];
			  mode = "strict"; peer = ["uri:spiffe://test/server"]; }
		EOT
	done
}

server() # PORT
{
	cat >"$tmp/proftpd.conf" <<-EOT
		ServerType standalone
		DefaultAddress 127.0.0.1
		SocketBindTight on
		UseIPv6 off
		Port $1
		User $runs_as
		Group $(id -gn "$runs_as")
		PidFile $tmp/proftpd.pid
		ScoreboardFile $tmp/scoreboard
		DelayTable none
		WtmpLog off
		TransferLog none
		SystemLog $tmp/system.out
		PassivePorts ${theirs%-*} ${theirs#*-}
		RequireValidShell off
		UseFtpUsers off
		AuthOrder mod_auth_unix.c
		<Anonymous $tmp/ftp>
			User $runs_as
			Group $(id -gn "$runs_as")
			UserAlias anonymous $runs_as
			AllowOverwrite on
		</Anonymous>
	EOT
	spawn server "${as_server[@]}" proftpd -n -q -c "$tmp/proftpd.conf"
	server=$spawned
	await_listen "$1"
}

# Up and down again, over data connections that the server accepts.
client() # PORT TEXT
{
	local url=ftp://localhost:$1/in/word-$RANDOM
	printf %s "$2" | "${as_client[@]}" curl -sS -T - "$url" && "${as_client[@]}" curl -sS "$url"
}

lftp_does() # COMMANDS
{
	"${as_client[@]}" lftp -c "set net:max-retries 1; set ftp:port-range $ours;
		set net:reconnect-interval-base 1; set cmd:fail-exit yes; $1" 2>>"$tmp/client.out"
}

hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" lftp -e "cd in; ls; !echo held" "ftp://127.0.0.1:$1" <&"$never"
	await "lftp to be answered" grep -qs held "$tmp/held.out"
}

mkdir -p "$tmp/ftp/in" "$tmp/ftp/none"
chmod 0755 "$tmp/ftp" "$tmp/ftp/none"
chmod 0777 "$tmp/ftp/in"
head -c 20M </dev/urandom >"$tmp/ftp/big"
chmod 0644 "$tmp/ftp/big"

for who in bare server; do
	step "up and down, $who"
	fresh_port
	server_as $who
	client_as "${who/server/client}"
	server "$port"
	# shellcheck disable=SC2046 # words
	eavesdrop "$port" $(seq "${theirs%-*}" "${theirs#*-}")
	answers "$port" "$marker"
	overheard
	if [ $who = bare ] || [ "$MODE" = bare ]; then
		wire_shows "$marker"
		wire_shows "STOR word"
	else
		wire_hides "$marker"
		wire_hides "STOR word"
		wire_is_tls13
	fi
	[ $who = server ] || stop_all
done
hold "$port"
# ProFTPD puts the control connection onto its standard streams.
engine=carrier session_right accept "$port" spiffe://test/client
session_right connect "$port" localhost

for passive in on off; do
	step "20 MiB down and up, and listings, passive mode $passive"
	rm -f "$tmp/ftp/in"/* "$tmp/got"
	lftp_does "set ftp:passive-mode $passive; open ftp://localhost:$port;
		get big -o $tmp/got; put -O in $tmp/got -o there; cd in; put $tmp/proftpd.conf" ||
		fail "lftp failed"
	cmp "$tmp/got" "$tmp/ftp/big" || fail "the file arrived changed"
	cmp "$tmp/ftp/in/there" "$tmp/ftp/big" || fail "the upload arrived changed"
	got=$(lftp_does "set ftp:passive-mode $passive; open ftp://localhost:$port;
		nlist in; nlist none; ls none; cls -1 /" | sort | tr '\n' ' ')
	[ "$got" = "/big /in/ /none/ in/proftpd.conf in/there " ] || fail "the listings are: $got"
done

step "a client that goes away in the middle of a download"
"${as_client[@]}" curl -sS "ftp://localhost:$port/big" | head -c 1000 >"$tmp/got"
cmp -n 1000 "$tmp/got" "$tmp/ftp/big" || fail "the file began changed"
answers "$port" and-again
! grep -iE 'error|fatal|abnormal' "$tmp/system.out" || fail "ProFTPD complains"
stop_all

[ "$MODE" = bare ] || {
	trial_refused server impostor client peer_untrusted
	trial_refused client stranger server peer_untrusted
}
finish
