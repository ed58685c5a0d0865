#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The certificates that the unit tests use, into a folder: tls_pki.sh FOLDER
. tests/lib/pki.sh
cd "$1" || exit 1

# A CA between: signed by the CA, signs the leaf, and comes with it.
intermediate()
{
	openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -days 60 \
		-keyout between.key -out between.crt -CA ca.crt -CAkey ca.key \
		-subj '/CN=Throwaway CA between' -addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign,cRLSign 2>pki.log || return 1
	pki_identity_by . between leaf DNS:leaf.test && cat between.crt >>leaf.crt
}

# What could be broken: weak NAME KEY DIGEST
weak()
{
	openssl req -x509 -nodes -newkey "$2" "$3" -keyout "$1.key" -out "$1.crt" -CA ca.crt \
		-CAkey ca.key -days 60 -subj /CN=rsa -addext subjectAltName=DNS:server.test \
		2>pki.log
}

pki_ca . &&
	pki_identity . server DNS:server.test IP:127.0.0.1 URI:spiffe://test/server &&
	pki_identity . client DNS:client.test IP:127.0.0.1 URI:spiffe://test/shop/client &&
	pki_identity . nameless &&
	pki_impostor . impostor DNS:server.test DNS:client.test IP:127.0.0.1 &&
	pki_expired . expired DNS:server.test IP:127.0.0.1 &&
	pki_not_yet_valid . future DNS:server.test IP:127.0.0.1 &&
	intermediate &&
	openssl req -x509 -nodes -newkey rsa:2048 -keyout rsa.key -out rsa.crt -CA ca.crt \
		-CAkey ca.key -days 60 -subj /CN=rsa -addext subjectAltName=DNS:server.test \
		2>pki.log &&
	weak short rsa:1024 -sha256 && weak forgeable rsa:2048 -sha1 &&
	chmod 600 rsa.key && touch ready
