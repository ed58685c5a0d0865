#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Dovecot: imap-login answers until the password is right, and sends the connection to another
# process.  Postfix before it: postscreen sends connections to smtpd, which gets others from the
# master's sockets; smtp(8) and lmtp(8) bring the mail on.
. "$(dirname "$0")/lib.sh"
begin mail curl dovecot doveadm /usr/bin/python3
[ -z "${SANITIZE:-}" ] || skip "what the masters start has no settings of a sanitizer"
case $(dovecot --version) in 2.[0-3].*) ;; *) skip "this Dovecot has another configuration" ;; esac
if [ "$(id -u)" -eq 0 ]; then
	getent passwd dovecot dovenull nobody >/dev/null || skip "Dovecot's users are not here"
	internal=dovecot login=dovenull user=nobody cage=login
else
	internal=$(id -un) login=$internal user=$internal cage=
fi
master= # of Postfix, where it runs
postfix=$(command -v postfix)
if [ -z "$postfix" ] || [ "$(id -u)" -ne 0 ]; then
	echo "  (left out: Postfix, which is not here or needs root)"
	postfix=
fi

# Dovecot compares inodes of what it sends, so its connections are carried from the beginning.
policies() # PORT
{
	free_port
	smtp=$free
	free_port
	relay=$free
	free_port
	lmtp=$free
	local who anyone='peer = ["uri:spiffe://test/client", "uri:spiffe://test/server"];'
	for who in server impostor misnamed; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name in"; on = "accept"; ports = [$1]; mode = "strict";
			  $anyone engine = "carrier"; inherit = true; },
			{ name = "$name hop"; on = "accept"; ports = [$smtp, $relay, $lmtp];
			  $anyone mode = "strict"; inherit = true; },
			{ name = "$name on"; on = "connect"; ports = [$relay, $lmtp];
			  mode = "strict"; }
		EOT
	done
	for who in client stranger; do
		pki_policy "$tmp/pki/$1-$who.conf" "$who" <<-EOT
			{ name = "$name out"; on = "connect"; ports = [$1, $smtp, $lmtp];
			  mode = "strict"; }
		EOT
	done
}

server() # PORT
{
	cat >"$tmp/dovecot.conf" <<-EOT
		base_dir = $tmp/dovecot/run
		state_dir = $tmp/dovecot/state
		log_path = $tmp/dovecot.out
		listen = 127.0.0.1
		protocols = imap lmtp
		ssl = no
		disable_plaintext_auth = no
		default_internal_user = $internal
		default_internal_group = $(id -gn "$internal")
		default_login_user = $login
		first_valid_uid = 1
		first_valid_gid = 1
		mail_location = maildir:~
		mail_fsync = never
		mail_max_userip_connections = 100
		imap_hibernate_timeout = ${hibernates:-0}
		passdb {
			driver = static
			args = password=secret
		}
		userdb {
			driver = static
			args = uid=$user gid=$(id -gn "$user") home=$tmp/mail/%n allow_all_users=yes
		}
		service imap-login {
			chroot = $cage
			service_count = ${service_count:-1}
			inet_listener imap {
				port = $1
			}
			inet_listener imaps {
				port = 0
			}
		}
		service imap {
			unix_listener imap-master {
				user = $internal
			}
		}
		service imap-hibernate {
			unix_listener imap-hibernate {
				mode = 0666
			}
		}
		service lmtp {
			inet_listener lmtp {
				port = $lmtp
			}
		}
		service anvil {
			chroot =
		}
		service stats {
			chroot =
		}
	EOT
	spawn server "${as_server[@]}" dovecot -F -c "$tmp/dovecot.conf"
	server=$spawned
	await_listen "$1"
}

master_said()
{
	read -r master <"$tmp/postfix/queue/pid/master.pid"
}

# Mail goes in twice, as with a filter behind the queue: from outside, and again at $relay.
postfix_starts()
{
	[ -n "$postfix" ] || return
	local conf=$tmp/postfix/etc
	rm -rf "$tmp/postfix"
	mkdir -p "$conf" "$tmp/postfix/queue" "$tmp/postfix/data"
	chown postfix "$tmp/postfix/data"
	cat >"$conf/main.cf" <<-EOT
		compatibility_level = 3.6
		queue_directory = $tmp/postfix/queue
		data_directory = $tmp/postfix/data
		maillog_file = $tmp/postfix.out
		maillog_file_prefixes = $tmp
		inet_interfaces = 127.0.0.1
		inet_protocols = ipv4
		mynetworks = 127.0.0.0/8
		myhostname = mail.test
		mydestination =
		alias_maps =
		alias_database =
		local_recipient_maps =
		default_transport = lmtp:inet:127.0.0.1:$lmtp
		disable_dns_lookups = yes
		message_size_limit = 20000000
		queue_run_delay = 1s
		minimal_backoff_time = 1s
		maximal_backoff_time = 1s
		mailbox_size_limit = 0
		postscreen_access_list =
		postscreen_greet_action = enforce
		postscreen_greet_wait = 1s
	EOT
	cat >"$conf/master.cf" <<-EOT
		127.0.0.1:$smtp inet n - y - 1 postscreen
		smtpd pass - - y - - smtpd
		  -o content_filter=smtp:[127.0.0.1]:$relay
		127.0.0.1:$relay inet n - y - - smtpd
		cleanup unix n - y - 0 cleanup
		qmgr unix n - n 300 1 qmgr
		rewrite unix - - y - - trivial-rewrite
		bounce unix - - y - 0 bounce
		defer unix - - y - 0 bounce
		trace unix - - y - 0 bounce
		anvil unix - - y - 1 anvil
		smtp unix - - y - - smtp
		lmtp unix - - y - - lmtp
		postlog unix-dgram n - n - 1 postlogd
	EOT
	spawn postfix "${as_server[@]}" "$postfix" -c "$conf" start-fg
	await_listen "$smtp"
	# The master leaves its group, and puts blanks before its number.
	await "the master's number" master_said
	pids+=("$master")
}

asked() # WORD...
{
	"${as_client[@]}" /usr/bin/python3 "$root/tests/programs/mail.py" "$@" 2>>"$tmp/client.out"
}

# Up and down again in one connection.
client() # PORT TEXT
{
	asked echo "$1" "word-$RANDOM" "$2"
}

holds() # WORD...
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" /usr/bin/python3 "$root/tests/programs/mail.py" "$@"
	held=$spawned
	await "$1 to be answered" grep -qs held "$tmp/held.out"
}

# message FILE TEXT...: nothing has to be added to it on its way.
message()
{
	printf '%s\r\n' "From: sender@mail.test" "Date: Thu, 1 Jan 2026 00:00:00 +0000" \
		"Message-Id: <$RANDOM@mail.test>" "Subject: words" "" "${@:2}" >"$1"
}

posts() # USER FILE
{
	if [ -n "$master" ]; then
		"${as_client[@]}" curl -sS "smtp://localhost:$smtp" --mail-from sender@mail.test \
			--mail-rcpt "$1@mail.test" -T "$2"
	else
		asked lmtp "$lmtp" "$1" "$2"
	fi || fail "the message was not taken"
}

has() # USER COUNT
{
	local mails=("$tmp/mail/$1"/{new,cur}/*)
	[ "${#mails[@]}" -eq "$2" ]
}

# arrives USER COUNT FILE: the last one of so many, as Dovecot shows it.
arrives()
{
	await "mail number $2 for $1" has "$1" "$2"
	"${as_client[@]}" curl -sS "imap://$1:secret@localhost:$port/INBOX;MAILINDEX=$2" \
		>"$tmp/got" || fail "curl failed to fetch it"
	tail -c "$(stat -c %s "$3")" "$tmp/got" | cmp - "$3" || fail "the message arrived changed"
}

# hop_shows SIDE PROGRAM: each in its chroot.
hop_shows()
{
	jq -e --arg side "$1" --arg program "$2" 'any(.[]; .side == $side and .verdict == "tls" and
		(.program | endswith($program)) and
		(.peer | tostring | contains("spiffe://test/server")))' "$tmp/sessions.json" \
		>/dev/null || fail "no connection of $2 is shown"
}

# all_there COUNT: mails of the load, none of which is missing.
all_there()
{
	local mails
	mails=$(cat "$tmp"/mail/load-mail/{new,cur}/* | grep '^Subject: ' | sort -u | wc -l)
	[ "$mails" -eq "$1" ]
}

# no_process NAME: of Dovecot.
no_process()
{
	local pid name
	for pid in $(children "$server"); do
		{ read -r name <"/proc/$pid/comm"; } 2>/dev/null || continue
		[ "$name" != "$1" ] || return
	done
}

shopt -s nullglob
mkdir "$tmp/mail" "$tmp/dovecot"
chmod 0777 "$tmp/mail"
message "$tmp/word" "$marker"
message "$tmp/large"
head -c 4500000 /dev/urandom | base64 | sed 's/$/\r/' >>"$tmp/large"

for who in bare server; do
	step "a message on its way, $who"
	fresh_port
	server_as $who
	client_as "${who/server/client}"
	server "$port"
	postfix_starts
	eavesdrop "$port" "$smtp" "$relay" "$lmtp"
	posts "word-$who" "$tmp/word"
	arrives "word-$who" 1 "$tmp/word"
	overheard
	if [ $who = bare ] || [ "$MODE" = bare ]; then
		wire_shows "$marker"
		wire_shows LOGIN
		wire_shows LHLO
	else
		wire_hides "$marker"
		wire_hides LOGIN
		wire_hides LHLO
		wire_is_tls13
	fi
	[ $who = server ] || stop_all
done

step "the registry while connections are open"
holds hold "$port" held
engine=carrier session_right accept "$port" spiffe://test/client
session_right connect "$port" localhost
stop "$held"
if [ -n "$postfix" ]; then
	holds greet "$smtp"
	rule="$name hop" engine=carrier session_right accept "$smtp" spiffe://test/client
	session_right connect "$smtp" localhost
	for what in "connect smtp" "accept smtpd" "connect lmtp"; do
		[ "$MODE" = bare ] || hop_shows ${what% *} "postfix/sbin/${what#* }"
	done
	stop "$held"
fi

step "6 MiB"
posts large "$tmp/large"
arrives large 1 "$tmp/large"

step "a client that goes away in the middle of a message"
{ asked leave "$port" large; } 2>/dev/null
[ $? -eq 137 ] || fail "the client was not killed"
await "Dovecot's process to end" no_process imap
posts large "$tmp/word"
arrives large 2 "$tmp/word"

step "30 connections at once"
got=$(asked many "$port" 30) || fail "the client failed"
[ "$got" = "right: 30" ] || fail "the client says: $got"

step "reloads under load"
holds hold "$port" waiter
load_many=20
: >"$tmp/loading" >"$tmp/load.out"
spawn load "${as_client[@]}" /usr/bin/python3 "$root/tests/programs/mail.py" load "$tmp/loading" \
	"$port" ${postfix:+"$smtp"}
load=$spawned
load_goes_on "its beginning"
doveadm -c "$tmp/dovecot.conf" reload || fail "Dovecot does not reload"
load_goes_on "Dovecot's reload"
if [ -n "$postfix" ]; then
	"${as_server[@]}" postfix -c "$tmp/postfix/etc" reload 2>>"$tmp/postfix.out" ||
		fail "Postfix does not reload"
	load_goes_on "Postfix's reload"
fi
load_ends
[ -z "$postfix" ] || await "all that was sent" all_there "$(cat "$tmp/loading.sent")"
posts waiter "$tmp/word"
await "the news for a client from before" grep -q '1 EXISTS' "$tmp/held.out"
stop_all

master=
for service_count in 1 0; do
	step "many commands in one connection, service_count = $service_count"
	fresh_port
	server_as server
	client_as client
	server "$port"
	rm -f "$tmp/talk.out"
	to=talk-$service_count
	spawn talk "${as_client[@]}" /usr/bin/python3 "$root/tests/programs/mail.py" \
		talk "$port" $to
	await "IDLE to be answered" grep -qs idling "$tmp/talk.out"
	posts $to "$tmp/word"
	await "the client to end" ended "$spawned"
	cat >"$tmp/want" <<-EOT
		empty: [b'0']
		noop: True True
		noop: True True
		noop: True True
		flagged: [b'2']
		deleted: [b'1 (FLAGS (\\\\Deleted \\\\Recent))']
		expunged: [b'1'] [b'2'] [b'1']
		idling
		woken: b'OK' b'$marker'
		bye: ('BYE', [b'Logging out'])
	EOT
	diff "$tmp/want" "$tmp/talk.out" >"$tmp/diff.out" || fail "the client saw something else"
	stop_all
done
unset service_count

# Bare, too, Dovecot may miss what arrives while it puts a connection to sleep.
step "a connection that is sent on and back again"
fresh_port
server_as server
client_as client
hibernates=1s server "$port"
holds hold "$port" sleeper
await "the connection to sleep" no_process imap
posts sleeper "$tmp/word"
await "the sleeper to wake" grep -q '1 EXISTS' "$tmp/held.out"
stop_all
no_carrier

trial_foreign_client
trial_foreign_server
if [ "$MODE" != bare ]; then
	trial_refused server impostor client peer_untrusted
	trial_refused server misnamed client peer_name_mismatch
	trial_refused client stranger server peer_untrusted
fi
finish
