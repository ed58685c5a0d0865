#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Apache, prefork and event: sendfile, mmap, CGI, uploads, and graceful restarts under load.
# shellcheck disable=SC2016 # expanded by an inner shell
. "$(dirname "$0")/lib.sh"
begin apache apache2 curl /usr/bin/python3
modules=/usr/lib/apache2/modules
[ -f "$modules/mod_mpm_event.so" ] || skip "no modules in $modules"

write_config() # PORT
{
	local module
	{
		for module in "mpm_$mpm" authz_core alias env headers mime "$cgi"; do
			echo "LoadModule ${module}_module $modules/mod_$module.so"
		done
		[ "$mpm" = prefork ] ||
			printf '%s\n' 'ThreadsPerChild 8' 'MinSpareThreads 8' \
				"ScriptSock $tmp/apache/cgisock"
		[ "$(id -u)" -ne 0 ] || printf 'User www-data\nGroup www-data\n'
		cat <<-EOT
			ServerRoot $tmp/apache
			DefaultRuntimeDir $tmp/apache
			PidFile $tmp/apache/pid
			ServerName localhost
			Listen 127.0.0.1:$1
			ErrorLog $tmp/error.out
			LogLevel warn
			TypesConfig /dev/null
			StartServers 2
			MaxRequestWorkers 64
			KeepAlive On
			MaxKeepAliveRequests 0
			KeepAliveTimeout 20
			DocumentRoot $tmp/www
			Header set X-Generation "${generation:-first}"
			EnableSendfile Off
			EnableMMAP On
			Alias /sent/ $tmp/www/
			<Location /sent/>
				EnableSendfile On
				EnableMMAP Off
			</Location>
			ScriptAlias /cgi/ $tmp/cgi/
		EOT
	} >"$tmp/apache.conf"
}

server() # PORT
{
	write_config "$1"
	spawn server "${as_server[@]}" apache2 -f "$tmp/apache.conf" -D FOREGROUND
	server=$spawned
	await_listen "$1"
}

# A CGI program says it, while its server holds the connection.
client() # PORT TEXT
{
	"${as_client[@]}" curl -sS --fail "http://localhost:$1/cgi/echo?$2"
}

# The first bytes of an answer are there, and the program behind it waits.
hold() # PORT
{
	rm -f "$tmp/held.out"
	spawn held "${as_client[@]}" curl -sSN --fail "http://127.0.0.1:$1/cgi/wait"
	await "the first line of the answer" grep -qs begun "$tmp/held.out"
}

fetch() # PATH CURL-OPTION...
{
	"${as_client[@]}" curl -sS --fail "${@:2}" "http://localhost:$port/$1"
}

generation_is() # TEXT
{
	fetch word -o "$tmp/word.out" -D - | grep -qi "^X-Generation: $1"
}

mkdir "$tmp/www" "$tmp/apache" "$tmp/cgi"
chmod 0755 "$tmp/www" "$tmp/cgi"
chmod 0777 "$tmp/apache"
: >"$tmp/error.out"
mkfifo "$tmp/apache/go"
chmod 0666 "$tmp/apache/go"
echo load-word >"$tmp/www/word"
head -c 60M </dev/urandom >"$tmp/www/big"
head -c 20M "$tmp/www/big" >"$tmp/www/upload"
chmod 0644 "$tmp/www"/*
printf '#!/bin/sh\necho; echo "%s"\n' '$QUERY_STRING' >"$tmp/cgi/echo"
printf '#!/bin/sh\necho; sha256sum\n' >"$tmp/cgi/sum"
# It ends when it is told, by a line in the pipe.
printf '#!/bin/sh\necho; echo begun; read -r line <"%s"; echo "$line"\n' "$tmp/apache/go" \
	>"$tmp/cgi/wait"
# What sockets a CGI program finds beside its own three descriptors.
printf '#!/bin/sh\necho; ls -l /proc/$$/fd | grep socket: | grep -vc " [012] -> "\n' \
	>"$tmp/cgi/sockets"
chmod 0755 "$tmp/cgi"/*

for mpm in prefork event; do
	cgi=cgi
	[ $mpm = prefork ] || cgi=cgid
	name=apache-$mpm
	trial_wire_bare
	trial_sleeved

	fresh_port
	server_as server
	CLIENT_BOUND=60 client_as client
	server "$port"
	step "a file by sendfile and by mmap, and a range of it"
	for path in sent/big big; do
		fetch $path | cmp - "$tmp/www/big" || fail "/$path arrived changed"
		fetch $path -r 1000-16385000 |
			cmp - <(head -c 16385001 "$tmp/www/big" | tail -c +1001) ||
			fail "a range of /$path arrived changed"
	done
	step "20 MiB to a CGI program, by length, in chunks, and after a 100"
	sum=$(sha256sum <"$tmp/www/upload")
	for header in "Expect:" "Transfer-Encoding: chunked" "Expect: 100-continue"; do
		[ "$(fetch cgi/sum -H "$header" --data-binary "@$tmp/www/upload")" = "$sum" ] ||
			fail "an upload with '$header' arrived changed"
	done
	[ "$(fetch cgi/sockets)" -eq 0 ] || fail "a CGI program has a socket of its server's"

	step "graceful restarts under load, and a CGI program that outlives them"
	# The daemon of event that runs CGI programs restarts, too: some meet a 503, bare as well.
	urls=("http://localhost:$port/word" "http://127.0.0.1:$port/sent/word")
	[ $mpm = event ] || urls+=("http://localhost:$port/cgi/echo?load-cgi")
	load_begins load- "${urls[@]}"
	hold "$port"
	held=$spawned
	for generation in second third; do
		write_config "$port"
		kill -USR1 "$server"
		await "the new settings" generation_is $generation
		load_goes_on "a restart"
	done
	unset generation
	load_ends
	[ "$(tail -n 1 "$tmp/held.out")" = begun ] || fail "the held answer ended too early"
	echo ended >"$tmp/apache/go"
	await "the held answer to end" ended "$held"
	[ "$(tail -n 1 "$tmp/held.out")" = ended ] || fail "the held answer came to harm"
	alive "$server" || fail "Apache has died"
	! grep -E ':(emerg|alert|crit|error)\]' "$tmp/error.out" || fail "Apache complains"
	stop_all
done

finish
