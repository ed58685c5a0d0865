#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# iperf3: two connections a test, select, full-speed writes in either direction and at once.
. "$(dirname "$0")/lib.sh"
begin iperf3 iperf3 jq
foreign_server=socat_server # a test has two connections at once; openssl s_server serves one

server() # PORT
{
	: >"$tmp/server.out"
	spawn server "${as_server[@]}" iperf3 -s -B 127.0.0.1 -p "$1" -J --forceflush
	server=$spawned
	await_listen "$1"
}

# The server repeats the text in its own report.
client() # PORT TEXT
{
	"${as_client[@]}" iperf3 -4 -c localhost -p "$1" -n 3M -J --extra-data "$2" \
		>"$tmp/report.json" 2>&1 || return
	jq -e '.end.sum_sent.bytes >= 3000000' "$tmp/report.json" >/dev/null || return
	await "the server's report" grep -q '"extra_data"' "$tmp/server.out"
	sed -n 's/.*"extra_data":[[:space:]]*"\([^"]*\)".*/\1/p' "$tmp/server.out" | tail -n 1
}

hold() # PORT
{
	spawn held "${as_client[@]}" iperf3 -c 127.0.0.1 -p "$1" -t 25 -b 2M -i 0.2 --forceflush
	await "iperf3 to measure" grep -qs 'Mbits/sec' "$tmp/held.out"
}

trial

step "both directions, several streams, small and large blocks"
fresh_port
server_as server
client_as client
server "$port"
for options in "-R" "-P 4" "--bidir" "-l 100 -n 2M" "-l 1M -Z" "-l 4K -w 8K -R -P 2"; do
	# shellcheck disable=SC2086 # the options are words
	"${as_client[@]}" iperf3 -4 -c localhost -p "$port" -n 40M $options -J \
		>"$tmp/report.json" 2>&1 ||
		fail "iperf3 $options failed: $(jq -r .error "$tmp/report.json")"
	jq -e '.end.sum_received.bytes as $got | .end.sum_sent.bytes as $sent |
		$got > 0 and $got <= $sent' "$tmp/report.json" >/dev/null ||
		fail "iperf3 $options: $(jq -c '[.end.sum_sent.bytes, .end.sum_received.bytes]' \
			"$tmp/report.json") bytes sent and received"
done
alive "$server" || fail "the server has died"

finish
