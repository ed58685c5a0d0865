# SPDX-License-Identifier: GPL-3.0-or-later
# A throwaway CA, identities and policies for the tests.  POSIX sh, to be sourced; needs openssl.
#
#   . tests/lib/pki.sh
#   pki_ca "$dir"                                     ca.crt ca.key
#   pki_identity "$dir" server DNS:cache.test IP:127.0.0.1 URI:spiffe://test/cache
#   pki_policy "$dir/policy.conf" server <<RULES
#     { name = "in"; on = "accept"; ports = [6379]; mode = "strict"; }
#   RULES
#
# Every function takes the folder it works in, leaves NAME.crt (PEM) and NAME.key (PEM, mode 0600)
# there, prints nothing, and returns non-zero after a message on standard error when openssl fails.
# Keys are ECDSA P-256; a certificate is valid for 60 days from now.  Names given to a function are
# used as file names: letters, digits, ._-

_pki_new_key="-newkey ec -pkeyopt ec_paramgen_curve:P-256"

# What openssl says goes to pki.log in the folder; it is shown only when a command fails.
_pki_run() # FOLDER COMMAND...
{
	_pki_log=$1/pki.log
	shift
	if ! "$@" >"$_pki_log" 2>&1; then
		echo "pki: failed: $*" >&2
		sed 's/^/pki: /' "$_pki_log" >&2
		return 1
	fi
}

# A self-signed CA.  pki_ca FOLDER [NAME [COMMON NAME]]; NAME is "ca" where not given.
pki_ca()
{
	mkdir -p "$1" || return 1
	(
		umask 077
		# shellcheck disable=SC2086 # several words
		_pki_run "$1" openssl req -x509 -nodes $_pki_new_key \
			-keyout "$1/${2:-ca}.key" -out "$1/${2:-ca}.crt" -days 90 -sha256 \
			-subj "/CN=${3:-Throwaway test CA (${2:-ca})}" \
			-addext basicConstraints=critical,CA:TRUE \
			-addext keyUsage=critical,keyCertSign,cRLSign
	) && chmod 0644 "$1/${2:-ca}.crt"
}

# An identity signed by the CA named "ca", for both sides of a connection:
# pki_identity FOLDER NAME SAN...   with SAN as openssl writes it: DNS:x IP:x URI:x
# CN is the NAME.  Without a SAN the certificate carries none.
pki_identity()
{
	_pki_folder=$1 _pki_name=$2
	shift 2
	pki_identity_by "$_pki_folder" ca "$_pki_name" "$@"
}

# The same, signed by another CA of the folder: pki_identity_by FOLDER CA NAME SAN...
pki_identity_by()
{
	_pki_folder=$1 _pki_by=$2 _pki_name=$3
	shift 3
	(
		umask 077
		_pki_sans "$@"
		# shellcheck disable=SC2086 # several words; the extension may be absent
		_pki_run "$_pki_folder" openssl req -x509 -nodes $_pki_new_key \
			-keyout "$_pki_folder/$_pki_name.key" \
			-out "$_pki_folder/$_pki_name.crt" \
			-CA "$_pki_folder/$_pki_by.crt" -CAkey "$_pki_folder/$_pki_by.key" \
			-days 60 -sha256 -subj "/CN=$_pki_name" \
			-addext basicConstraints=critical,CA:FALSE \
			-addext keyUsage=critical,digitalSignature \
			-addext extendedKeyUsage=serverAuth,clientAuth \
			${_pki_san:+-addext $_pki_san}
	) && chmod 0644 "$_pki_folder/$_pki_name.crt"
}

# Sets _pki_san to the subjectAltName extension of the names given, or to nothing.
_pki_sans()
{
	_pki_san=
	for _pki_one in "$@"; do
		_pki_san=${_pki_san:+$_pki_san,}$_pki_one
	done
	_pki_san=${_pki_san:+subjectAltName=$_pki_san}
}

# Somebody else's CA (impostor-ca) and an identity of it with the names of the real one:
# pki_impostor FOLDER NAME SAN...
pki_impostor()
{
	_pki_folder=$1
	shift
	[ -f "$_pki_folder/impostor-ca.crt" ] || pki_ca "$_pki_folder" impostor-ca || return 1
	pki_identity_by "$_pki_folder" impostor-ca "$@"
}

# Identities out of their time: pki_expired FOLDER NAME SAN... and pki_not_yet_valid likewise.
pki_expired()
{
	_pki_dated 20200101000000Z 20200201000000Z "$@"
}

pki_not_yet_valid()
{
	_pki_dated 20480101000000Z 20480201000000Z "$@"
}

# `openssl req -x509` knows days from now only, so the dates are given to `openssl ca`.
_pki_dated() # FROM TO FOLDER NAME SAN...
{
	_pki_from=$1 _pki_to=$2 _pki_folder=$3 _pki_name=$4
	shift 4
	_pki_base=$_pki_folder/$_pki_name
	(
		umask 077
		_pki_sans "$@"
		# shellcheck disable=SC2086 # several words
		_pki_run "$_pki_folder" openssl req -new -nodes $_pki_new_key \
			-keyout "$_pki_base.key" -out "$_pki_base.csr" -subj "/CN=$_pki_name" ||
			exit 1
		mkdir -p "$_pki_base.new" || exit 1
		: >"$_pki_base.new/index"
		cat >"$_pki_base.cnf" <<-EOT
			[ca]
			default_ca = dated
			[dated]
			database = $_pki_base.new/index
			new_certs_dir = $_pki_base.new
			rand_serial = yes
			default_md = sha256
			policy = any
			x509_extensions = leaf
			unique_subject = no
			[any]
			commonName = supplied
			[leaf]
			basicConstraints = critical,CA:FALSE
			keyUsage = critical,digitalSignature
			extendedKeyUsage = serverAuth,clientAuth
			${_pki_san}
		EOT
		_pki_run "$_pki_folder" openssl ca -batch -notext -config "$_pki_base.cnf" \
			-startdate "$_pki_from" -enddate "$_pki_to" -in "$_pki_base.csr" \
			-out "$_pki_base.crt" \
			-cert "$_pki_folder/ca.crt" -keyfile "$_pki_folder/ca.key"
		_pki_status=$?
		rm -rf "$_pki_base.csr" "$_pki_base.cnf" "$_pki_base.new"
		exit "$_pki_status"
	) && chmod 0644 "$_pki_base.crt"
}

# "sha256/..." of a certificate's public key, for peer = ["spki:..."]: pki_spki FOLDER NAME
pki_spki()
{
	printf 'sha256/'
	openssl x509 -in "$1/$2.crt" -noout -pubkey | openssl pkey -pubin -outform DER |
		openssl dgst -sha256 -binary | openssl base64 -A
	echo
}

# A policy with one identity of the same folder as the default, and the rules read from standard
# input, each in braces, separated by commas:  pki_policy FILE NAME [KEY=VALUE;...] <<RULES
# Further arguments go into `defaults` as they stand: 'unmatched = "deny";'
# Trust is ca.crt; set PKI_TRUST to another file name of the folder to change that.
pki_policy()
{
	_pki_file=$1 _pki_name=$2
	shift 2
	{
		cat <<-EOT
			version = 1;
			identities = (
			  { name = "$_pki_name";
			    certificate = "$_pki_name.crt";
			    key = "$_pki_name.key";
			    trust = "${PKI_TRUST:-ca.crt}"; }
			);
			defaults = {
			  identity = "$_pki_name";
			  $*
			};
			rules = (
		EOT
		cat
		echo ');'
	} >"$_pki_file.new" && mv "$_pki_file.new" "$_pki_file"
}

# Strict on both sides of every connection of this machine to itself: pki_policy_loopback FILE NAME
pki_policy_loopback()
{
	pki_policy "$@" <<-'EOT'
		  { name = "loopback out"; on = "connect"; mode = "strict";
		    to = ["127.0.0.0/8", "::1"]; },
		  { name = "loopback in"; on = "accept"; mode = "strict";
		    from = ["127.0.0.0/8", "::1"]; }
	EOT
}

# No rule at all, so that every connection stays as it is: pki_policy_plain FILE NAME
pki_policy_plain()
{
	pki_policy "$@" 'unmatched = "plaintext";' </dev/null
}
