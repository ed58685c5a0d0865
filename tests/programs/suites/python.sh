#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# CPython's own tests of its network modules, from the distribution's package of them.
# ONLY="test_ftplib test_poplib" runs some modules.  Virtual machine sockets are left out, for they
# hang bare where there is no host; network is asked for because all servers are behind it.
. "$(dirname "$0")/lib.sh"
suite python /usr/bin/python3
python=/usr/bin/python3
$python -c 'import test.test_asyncio' 2>/dev/null || skip "no libpython3-testsuite here"

modules="test_asyncio test_selectors test_socketserver test_httpservers test_httplib test_ftplib
	test_smtplib test_poplib test_imaplib test_xmlrpc test_logging test_asyncore test_asynchat
	test_smtpd test_docxmlrpc test_telnetlib test_nntplib test_urllib2_localnet test_epoll
	test_poll test_select test_wsgiref test_ssl test_socket"

known 'test.test_ftplib.*.test_abort' "$urgent"
known 'test.test_asyncore.*.test_handle_expt' "$urgent"
known 'test.test_ssl.*.test_preauth_data_to_tls_server' \
	"written and reset before the handshake: the words come, and the reset behind them"
known 'test.test_ssl.*.test_preauth_data_to_tls_client' \
	"a blocking write waits for the handshake; the other end is not touched meanwhile"
known test.test_epoll.TestEPoll.test_control_and_wait \
	"bytes of the handshake wake an edge-triggered set once more with EPOLLOUT, which is true"

run_modules()
{
	for module in ${ONLY:-$modules}; do
		$python -c "import test.$module" 2>/dev/null || continue
		TMPDIR=$work timeout -k 10 330 "${as[@]}" $python -m test -v -u network \
			--timeout 300 -i 'ThreadedVSOCK*' --junit-xml "$work/$module.xml" "$module"
		if [ -s "$work/$module.xml" ]; then
			outcomes "$work/$module.xml"
		else
			result "$module" "did not finish"
		fi
	done
}

outcomes() # FILE
{
	$python - "$1" >&3 <<-'EOT'
		import sys, xml.etree.ElementTree
		for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
		    good = case.find("failure") is None and case.find("error") is None
		    print(case.get("name"), "ok" if good else "FAIL", sep="\t")
	EOT
}

compare run_modules
