#!/bin/bash
# install-mysql.sh DESTINATION: a real MySQL server from Debian's unstable suite, next to the system instead of in it.
#
# Debian stable ships no MySQL. Its unstable suite does, linked against a newer libc, so the server is unpacked with
# its own libraries and started through its own dynamic loader. apt runs on a private state: the host's package
# database, sources and lists stay as they are, and no root is needed. The mirror is the one this machine's apt uses.
set -eu

destination=$1
suite=${OPLEDGER_MYSQL_SUITE:-sid}

case $(dpkg --print-architecture) in
amd64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
arm64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
*) echo "install-mysql.sh: unsupported architecture $(dpkg --print-architecture)" >&2; exit 1 ;;
esac

# Ask apt itself first, so that a third-party repository listed before Debian's is not taken for a mirror.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
if [ -z "$mirror" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) { print $i; exit } }')
fi
[ -n "$mirror" ] || { echo "install-mysql.sh: apt has no mirror configured" >&2; exit 1; }

# The mirror's address is written only here, into a folder that is gone when the script ends.
work=$(mktemp -d)
staging=$destination.partial.$$
trap 'rm -rf "$work" "$staging"' EXIT
mkdir -p "$work"/lists/partial "$work"/archives/partial "$work"/preferences.d "$staging/root"
: >"$work/status"
cat >"$work/apt.conf" <<CONF
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work";
Dir::Cache::archives "$work/archives";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "$work/preferences.d";
APT::Sandbox::User "root";
APT::Install-Recommends "0";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
CONF
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
export APT_CONFIG=$work/apt.conf

echo "reading the package lists of $suite"
apt-get -qq update
# perl and debconf serve the maintainer scripts, which are never run here.
packages=$(apt-get install -s mysql-server-core | awk '/^Inst/ { print $2 }' | grep -vE '^(perl|libperl|libgdbm|libdb5|debconf|libc-gconv)')
echo "downloading $(echo "$packages" | wc -w) packages"
# shellcheck disable=SC2086 # one word per package is meant
(cd "$work/archives" && apt-get download -qq $packages)

for package in "$work"/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$staging/root" \
    --exclude='./usr/share/doc*' --exclude='./usr/share/man*' --exclude='./usr/share/locale*' \
    --exclude="./usr/lib/$triplet/gconv*" --exclude='./usr/share/perl*' --exclude='./usr/lib/debug*'
done

# exec keeps the process id, so that whoever spawns the launcher is the server's direct parent.
cat >"$staging/mysqld" <<LAUNCHER
#!/bin/sh
root=\$(dirname "\$0")/root/usr
exec "\$root/lib/$triplet/$loader" --library-path "\$root/lib/$triplet" "\$root/sbin/mysqld" "\$@"
LAUNCHER
chmod 755 "$staging" "$staging/mysqld"

# The last step before the rename: a folder without this file is an unfinished one.
version=$("$staging/mysqld" --no-defaults --version | sed -n 's/.* Ver \([0-9][0-9.]*\).*/\1/p')
[ -n "$version" ] || { echo "install-mysql.sh: the unpacked server does not start" >&2; exit 1; }
echo "$version" >"$staging/version"
rm -rf "$destination"
mkdir -p "$(dirname "$destination")"
mv "$staging" "$destination"
echo "MySQL $version unpacked: $(du -sm "$destination" | cut -f 1) MB"
