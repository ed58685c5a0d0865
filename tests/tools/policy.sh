#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# sleeve policy check and explain, as a user meets them: what they print, and how they exit.
set -u
cd "$(dirname "$0")/../.." || exit 2
. tests/lib/pki.sh

sleeve=$PWD/${BUILD:-build}/sleeve
case ${BUILD:-} in /*) sleeve=$BUILD/sleeve ;; esac
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
bad=0

# expect STATUS TEXT ARGUMENT...: sleeve policy exits so, and says this on a line.
expect()
{
	status=$1 text=$2
	shift 2
	said=$("$sleeve" policy "$@" 2>&1)
	got=$?
	if [ $got -ne "$status" ] || ! printf '%s\n' "$said" | grep -qF -- "$text"; then
		echo "sleeve policy $*: wanted exit $status and \"$text\"; exit $got, and it says:"
		printf '%s\n' "$said" | sed 's/^/    /'
		bad=1
	fi
}

pki_ca "$work" || exit 1
pki_identity "$work" service DNS:cache.test || exit 1
pki_identity "$work" other DNS:other.test || exit 1
cd "$work" || exit 2
cat >policy.conf <<'END'
version = 1;
identities = (
  { name = "service"; certificate = "service.crt";
    key = "service.key";
    trust = "ca.crt"; }
);
defaults = { identity = "service"; };
rules = (
  { name = "cache"; on = "connect"; to = ["10.0.0.0/8", "cache.test"]; ports = [6379];
    mode = "strict"; },
  { name = "in"; on = "accept"; from = ["fd00::/8"]; mode = "strict"; peer = ["cn:shop"]; },
  { name = "end"; on = "connect"; mode = "deny"; }
);
END

expect 0 'policy.conf: OK: 3 rules, 1 identity, 0 warnings' check policy.conf
expect 0 'identity "service": service, EC P-256' check policy.conf
SLEEVE_POLICY=$work/policy.conf expect 0 "$work/policy.conf: OK" check
expect 1 'missing.conf: error: cannot open missing.conf: No such file' check missing.conf

# each is found where it stands
sed 's/strict/strickt/' policy.conf >wrong.conf
expect 1 'wrong.conf:10: error: mode "strickt" is unknown' check wrong.conf
expect 1 'wrong.conf: 2 errors, 0 warnings' check wrong.conf
sed 's/service.key/other.key/' policy.conf >wrong.conf
expect 1 'wrong.conf:4: error: ' check wrong.conf
sed 's/ca.crt/missing.crt/' policy.conf >wrong.conf
expect 1 'wrong.conf:5: error: ' check wrong.conf
chmod 644 service.key
expect 1 'policy.conf:4: error: key "service.key" is open to others' check policy.conf
chmod 600 service.key
sed 's/name = "end"; on = "connect"/name = "end"; on = "accept"/' policy.conf >warned.conf
expect 0 'warned.conf: warning: what no rule names leaves in plaintext' check warned.conf
expect 1 'warned.conf: 0 errors, 1 warning' check --strict warned.conf

# which rule, and why not the others
expect 0 'policy.conf:9: rule "cache" wins: strict' \
	explain --policy policy.conf --on connect --to 10.1.2.3:6379
expect 0 'must hold the address 10.1.2.3' \
	explain --policy policy.conf --on connect --to 10.1.2.3:6379
expect 0 "the peer's certificate must be for cache.test (what the program resolved)" \
	explain --policy policy.conf --on connect --to cache.test:6379
expect 0 'policy.conf:9: rule "cache" does not match: port 80 is not in `ports`' \
	explain --policy policy.conf --on connect --to '[::1]:80'
expect 0 'policy.conf:12: rule "end" wins: deny' \
	explain --policy policy.conf --on connect --to '[::1]:80'
expect 0 'policy.conf:11: rule "in" wins: strict' \
	explain --policy policy.conf --on accept --from fd00::7 --port 80
expect 0 'the client must prove to be cn:shop' \
	explain --policy policy.conf --on accept --from fd00::7 --port 80
expect 0 'no rule matches' explain --policy policy.conf --on accept --from 10.1.2.3 --port 80
expect 1 'missing.conf: error: ' \
	explain --policy missing.conf --on accept --from 10.1.2.3 --port 80

# misuse
expect 2 'usage: sleeve policy check' check policy.conf wrong.conf
expect 2 'unknown option --quick' check --quick
expect 2 'check or explain?'
expect 2 'there is no policy explode' explode
expect 2 '--on accept wants --from' explain --on accept --to 10.1.2.3:80
expect 2 'say --on connect or --on accept' explain --to 10.1.2.3:80
expect 2 'which port?' explain --on connect --to 10.1.2.3
expect 2 'a port is a number' explain --on connect --to 10.1.2.3:http
expect 2 'knows no user nobody-here' explain --on connect --to 10.1.2.3:80 --user nobody-here
exit $bad
