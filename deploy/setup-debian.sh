#!/usr/bin/env bash
# Installs, with apt, everything optional that Beamline finds when it is there: the system's SQLite (preferred over the carried
# one), NATS, ffmpeg, OpenCL with a CPU device, chromium, PostgreSQL. The .NET SDK is not among Debian's packages and must be there.
set -euo pipefail

packages=(libsqlite3-0 nats-server ffmpeg ocl-icd-libopencl1 pocl-opencl-icd chromium postgresql curl)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done

if [ "${#missing[@]}" -eq 0 ]; then
  echo "setup-debian: everything is installed"
  exit 0
fi

if [ "$(id -u)" -eq 0 ]; then sudo=(); else sudo=(sudo); fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
echo "setup-debian: installed ${missing[*]}"
