#!/usr/bin/env bash
# Installs what building fluxsbi needs. If nothing is missing, it ends after a second or two.
#
#   scripts/install_deps.sh [--without-torch] [--also PACKAGE]...
#
# Debian and Ubuntu: as root or with sudo the missing packages are installed with apt. Without root (or with
# FLUXSBI_NO_ROOT=1) the libraries are downloaded with apt and unpacked into $FLUXSBI_CACHE/deps, where CMake
# looks first; the tools (compiler, CMake, Ninja, git, Python) must be there. FLUXSBI_ASSUME_BARE=1 takes the
# same path and ignores the libraries that the system has. On any system LibTorch goes into
# $FLUXSBI_CACHE/torch-VERSION, once per user. Other variables: scripts/environment.sh.
set -Eeuo pipefail
trap 'printf "error: %s:%s failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR # never fail silently
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

torch_version=2.11.0
torch=$cache/torch-$torch_version
deps=$cache/deps
libraries=(zlib1g-dev libhdf5-dev libyaml-cpp-dev libspdlog-dev nlohmann-json3-dev libcli11-dev libboost-dev)
# What every system with a compiler has, and what those packages name without being needed to link with them.
# catch2 is the old version 2.
never_unpacked='^(catch2|gcc-.*-base|libgcc-s1|libc6.*|libc-dev-bin|linux-libc-dev|libcrypt(1|-dev)'
never_unpacked+='|rpcsvc-proto'
never_unpacked+='|lib(nsl|tirpc|stdc\+\+|quadmath|gfortran|jpeg).*|libssl-dev|libcurl4-openssl-dev|libaec-dev'
never_unpacked+='|hdf5-helpers|libhdf5-(hl-)?(cpp|fortran)-.*)$'

want_torch=1
also=()
while [ $# -gt 0 ]; do
  case "$1" in
    --without-torch) want_torch=0 ;;
    --also)
      also+=("${2:?--also needs the name of a package}")
      shift
      ;;
    -h | --help)
      sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    *) die "unknown argument $1; scripts/install_deps.sh [--without-torch] [--also PACKAGE]..." ;;
  esac
  shift
done

has() { command -v "$1" >/dev/null 2>&1; }
has_pip() { python3 -m pip --version >/dev/null 2>&1 || [ -x "$cache/venv/bin/pip" ]; }
can_make_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }
new_enough() { # new_enough VERSION AT_LEAST
  [ "$(printf '%s\n' "$2" "$1" | sort -V | head -1)" = "$2" ]
}
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# --- the system's packages ---------------------------------------------------------------------------------

tools_that_are_missing() {
  has c++ || echo g++
  { has cmake && new_enough "$(cmake --version | awk 'NR == 1 {print $3}')" 3.25; } || echo cmake
  has ninja || echo ninja-build
  has git || echo git
  has python3 || echo python3
  { [ $want_torch = 0 ] || torch_is_there || has_pip || can_make_venv; } || echo python3-venv
}

comforts_that_are_missing() { # faster builds, pictures, downloads over TLS
  has ccache || echo ccache
  has rsvg-convert || echo librsvg2-bin
  installed fonts-dejavu-core || echo fonts-dejavu-core
  installed ca-certificates || echo ca-certificates
}

libraries_that_are_missing() {
  local package
  for package in "${libraries[@]}"; do
    installed "$package" || echo "$package"
  done
}

apt_install() {
  local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  say "installing $*"
  if ! "${apt[@]}" install --simulate --no-install-recommends "$@" >/dev/null 2>&1; then
    "${apt[@]}" update || die "apt-get update failed; is there a network? FLUXSBI_NO_ROOT=1 does not need it"
  fi
  local quiet="-o Dpkg::Use-Pty=0"
  # shellcheck disable=SC2086
  "${apt[@]}" $quiet install -y --no-install-recommends "$@" >&2 ||
    { "${apt[@]}" update && "${apt[@]}" $quiet install -y --no-install-recommends "$@" >&2; } ||
    die "apt-get could not install $*; install these by hand and run this script again"
}

# Catch2 3 may be the package catch2 (Debian 13, Ubuntu 24.04) or libcatch2-dev.
catch2_package() { # catch2_package [APT OPTION ...]: the first that is offered in version 3
  local name version
  for name in libcatch2-dev catch2; do
    version=$(LC_ALL=C apt-cache "$@" policy "$name" 2>/dev/null | awk '/Candidate:/ {print $2}')
    case "$version" in 3.*) echo "$name" && return ;; esac
  done
}

catch2_is_there() {
  compgen -G "$deps/usr/lib*/cmake/Catch2" >/dev/null ||
    compgen -G "$deps/usr/lib/*/cmake/Catch2" >/dev/null ||
    compgen -G "$deps/usr/share/cmake/Catch2" >/dev/null ||
    { ! bare && dpkg-query -W -f ' ${Version}' libcatch2-dev catch2 2>/dev/null | grep -q '3\..*\.'; }
}

# --- packages unpacked into the cache -----------------------------------------------------------------------

bare() { [ "${FLUXSBI_ASSUME_BARE:-0}" = 1 ]; }

# apt with lists and archives of its own: needs no root and leaves the machine's lists alone.
private_apt=(-qq -o Dir::State::Lists="$cache/apt/lists" -o Dir::Cache="$cache/apt/cache"
  -o APT::Sandbox::User="$(id -un)" -o APT::Update::Error-Mode=any)

refresh_private_lists() {
  need_disk 1 "unpacking the libraries"
  mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
  [ -z "$(find "$cache/apt/lists" -maxdepth 1 -name '*Packages*' -mmin -1440 -print -quit)" ] || return 0
  apt-get "${private_apt[@]}" update || die "apt-get update failed; is there a network?"
}

# The packages that a machine without any would need for $@, less those that are never unpacked.
closure() {
  : >"$cache/apt/no-packages"
  apt-get "${private_apt[@]}" -o Dir::State::status="$cache/apt/no-packages" -o Debug::NoLocking=1 \
    install --simulate --no-install-recommends "$@" | awk '/^Inst / {print $2}' | grep -vE "$never_unpacked"
}

# Catch2 3 for Debian 12, whose main suite has version 2: from the suite's backports, named by a copy of the
# machine's own Debian source.
use_backports() {
  local codename suite parts=$cache/apt/parts
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  suite=$codename-backports
  rm -rf "$parts"
  mkdir -p "$parts" "$cache/apt/backports/partial"
  local file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] || continue
    # A stanza is the distribution's own if it offers the suite itself.
    awk -v suite="$codename" -v backports="$suite" 'BEGIN {RS = ""; ORS = "\n\n"}
      match($0, "(^|\n)Suites:[^\n]*") && index(" " substr($0, RSTART, RLENGTH) " ", " " suite " ") {
        sub(/Suites:[^\n]*/, "Suites: " backports); print; exit }' "$file" >>"$parts/backports.sources"
  done
  if [ ! -s "$parts/backports.sources" ]; then
    rm -f "$parts/backports.sources"
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
      awk -v suite="$codename" -v backports="$suite" '$1 == "deb" {
        for (i = 2; i <= NF; i++) if ($i == suite) { $i = backports; print; exit } }' >"$parts/backports.list"
  fi
  private_apt+=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$parts"
    -o Dir::State::Lists="$cache/apt/backports")
  apt-get "${private_apt[@]}" update ||
    die "the list of $suite could not be had, which holds Catch2 3; $without_catch2"
}
without_catch2='install Catch2 3 yourself, or build without tests: cmake -DFLUXSBI_TESTS=OFF'

system_name() { (. /etc/os-release && echo "$ID ${VERSION_ID:-}"); }

# unpack PACKAGE...: downloads and unpacks beside the prefix, then swaps, so that nobody sees an incomplete
# prefix.
unpack() {
  local new=$deps.partial archives=$cache/apt/archives
  say "unpacking $* into $deps"
  rm -rf "$new" "$archives"
  mkdir -p "$new/usr/lib" "$archives"
  [ ! -d "$deps" ] || cp -al "$deps/." "$new"
  [ -e "$new/lib" ] || ln -s usr/lib "$new/lib" # some packages still name /lib
  (cd "$archives" && apt-get "${private_apt[@]}" download "$@") || die "apt-get could not download $*"
  local archive link package
  for archive in "$archives"/*.deb; do
    # tar replaces a file by removing it first: the old prefix, which shares its files, stays as it is.
    dpkg-deb --fsys-tarfile "$archive" | tar -x --no-same-owner --keep-directory-symlink -C "$new"
  done
  find "$new" -type l -lname '/*' | while read -r link; do
    [ ! -e "$new$(readlink "$link")" ] || ln -srf "$new$(readlink "$link")" "$link"
  done
  rm -rf "$new"/usr/share/{doc,man,lintian,bug} "$new"/usr/lib/*/libhdf5*.a # not needed, and large
  for package in "$@"; do touch "$new/.unpacked-$package"; done
  system_name >"$new/.system"
  rm -rf "$archives" "$deps.old"
  [ ! -d "$deps" ] || mv "$deps" "$deps.old"
  mv "$new" "$deps"
  rm -rf "$deps.old"
}

unpack_libraries() { # unpack_libraries PACKAGE...: those that are not yet unpacked, with what they need
  local package wanted=()
  for package in "$@"; do
    [ -e "$deps/.unpacked-$package" ] || wanted+=("$package")
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  refresh_private_lists
  local packages
  packages=$(closure "${wanted[@]}") || die "apt does not offer ${wanted[*]}"
  # shellcheck disable=SC2086
  unpack $packages
}

provide_catch2() {
  catch2_is_there && return
  local package=''
  if [ "$may_install" = 1 ]; then
    package=$(catch2_package)
    [ -z "$package" ] || { apt_install "$package" && return; }
  fi
  refresh_private_lists
  package=$(catch2_package "${private_apt[@]}")
  if [ -z "$package" ]; then
    use_backports
    package=$(catch2_package "${private_apt[@]}")
  fi
  [ -n "$package" ] || die "Catch2 3 is offered by no list of this system; $without_catch2"
  unpack "$package"
}

provide_packages() {
  # A prefix of another release of the system does not fit this one.
  [ ! -e "$deps/.system" ] || [ "$(cat "$deps/.system")" = "$(system_name)" ] || rm -rf "$deps"
  sudo=()
  may_install=0
  if [ "${FLUXSBI_NO_ROOT:-0}" != 1 ]; then
    if [ "$(id -u)" = 0 ]; then
      may_install=1
    elif has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      sudo=(sudo)
      may_install=1
    fi
  fi
  local tools wanted
  mapfile -t tools < <(tools_that_are_missing)
  mapfile -t wanted < <(comforts_that_are_missing)
  bare || mapfile -t -O "${#wanted[@]}" wanted < <(libraries_that_are_missing)
  local package
  for package in "${also[@]}"; do installed "$package" || wanted+=("$package"); done

  if [ $may_install = 1 ]; then
    [ $((${#tools[@]} + ${#wanted[@]})) = 0 ] || apt_install "${tools[@]}" "${wanted[@]}"
    ! bare || unpack_libraries "${libraries[@]}"
  else
    [ ${#tools[@]} = 0 ] || die "these tools are missing and cannot be installed without root: ${tools[*]};" \
      "ask your administrator, or load a module"
    mapfile -t wanted < <(libraries_that_are_missing)
    ! bare || wanted=("${libraries[@]}")
    [ ${#wanted[@]} = 0 ] || unpack_libraries "${wanted[@]}"
  fi
  provide_catch2
}

# --- LibTorch -----------------------------------------------------------------------------------------------

pip_install() { # pip_install TARGET ARGUMENT...
  local target=$1 python=python3 quiet=()
  shift
  if ! python3 -m pip --version >/dev/null 2>&1; then
    [ -x "$cache/venv/bin/pip" ] || python3 -m venv "$cache/venv" ||
      die "Python has neither pip nor venv; install python3-venv"
    python=$cache/venv/bin/python
  fi
  [ -t 2 ] || quiet=(--quiet)
  # TMPDIR: pip unpacks there before it moves; a small /tmp would not hold it.
  mkdir -p "$cache/tmp"
  TMPDIR=$cache/tmp PIP_ROOT_USER_ACTION=ignore "$python" -m pip install "${quiet[@]}" \
    --disable-pip-version-check --no-cache-dir --no-compile \
    --only-binary=:all: --target "$target" "$@" >&2
}

need_disk() { # need_disk GIGABYTES WHAT
  local free
  mkdir -p "$cache"
  free=$(df -Pk "$cache" | awk 'NR == 2 {print $4}')
  [ "$free" -ge $(($1 * 1000 * 1000)) ] ||
    die "$cache has $((free / 1000 / 1000)) GB free and $2 needs $1 GB while it is installed; free some, or" \
      "choose another folder: FLUXSBI_CACHE=/a/larger/disk $0"
}

torch_is_there() { [ -e "$torch/torch/lib/libtorch_cpu.so" ]; }

provide_torch() {
  if ! bare && [ -n "${FLUXSBI_TORCH_ROOT:-}" ]; then
    [ -e "$FLUXSBI_TORCH_ROOT/lib/libtorch_cpu.so" ] ||
      die "FLUXSBI_TORCH_ROOT=$FLUXSBI_TORCH_ROOT holds no lib/libtorch_cpu.so"
    return
  fi
  ! torch_is_there || return 0
  need_disk 4 "LibTorch $torch_version"
  say "downloading LibTorch $torch_version (0.5 GB) into $torch"
  rm -rf "$torch.partial"
  # Without the wheel's own requirements: the CPU half of LibTorch needs these two small libraries alone.
  pip_install "$torch.partial" --no-deps "torch==$torch_version" \
    'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*' ||
    die "pip could not download LibTorch $torch_version; run the script again when the network is back"
  rm -rf "$torch"
  mv "$torch.partial" "$torch"
}

has_cuda_toolkit() { has nvcc || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ]; }
wants_cuda() {
  case "${FLUXSBI_CUDA:-auto}" in
    on) true ;;
    off) false ;;
    *) has nvidia-smi && nvidia-smi >/dev/null 2>&1 && has_cuda_toolkit ;;
  esac
}

# What the CUDA half of LibTorch loads and neither its folder nor the system has.
missing_cuda_libraries() {
  LD_LIBRARY_PATH="${CUDA_HOME:-/usr/local/cuda}/lib64:${LD_LIBRARY_PATH:-}" \
    ldd "$torch/torch/lib/libtorch_cuda.so" |
    awk '/not found/ {print $1}'
}

provide_cuda_libraries() {
  [ -e "$torch/torch/lib/libtorch_cuda.so" ] || return 0
  local library toolkit='' wheels=() metadata=$torch/torch-$torch_version.dist-info/METADATA
  requirement() { sed -n "s/^Requires-Dist: \($1[^;]*\);.*/\1/p" "$metadata" | head -1; }
  for library in $(missing_cuda_libraries); do
    case "$library" in
      libcudnn*) wheels+=("$(requirement nvidia-cudnn)") ;;
      libcusparseLt*) wheels+=("$(requirement nvidia-cusparselt)") ;;
      libnccl*) wheels+=("$(requirement nvidia-nccl)") ;;
      libnvshmem*) wheels+=("$(requirement nvidia-nvshmem)") ;;
      libcublas*) toolkit+=,cublas ;;
      libnvJitLink*) toolkit+=,nvjitlink ;;
      lib*.so*) toolkit+=,$(sed -E 's/^lib([A-Za-z]+)\.so.*/\L\1/' <<<"$library") ;;
    esac
  done
  [ -n "$toolkit${wheels[*]}" ] || return 0
  need_disk 8 "the CUDA half of LibTorch"
  local new=$torch.partial extra=$torch.extra
  rm -rf "$new" "$extra"
  # The toolkit's own wheel names the versions of its parts.
  local pinned
  pinned=$(requirement cuda-toolkit | sed 's/.*==/==/')
  say "downloading what the CUDA half of LibTorch lacks: ${wheels[*]} ${toolkit#,}"
  [ -z "$toolkit" ] || pip_install "$extra" "cuda-toolkit[${toolkit#,}]$pinned" ||
    die "pip could not download CUDA libraries"
  [ ${#wheels[@]} = 0 ] || pip_install "$extra.wheels" --no-deps "${wheels[@]}" ||
    die "pip could not download CUDA libraries"
  cp -al "$torch" "$new"
  for library in "$extra" "$extra.wheels"; do
    [ ! -d "$library" ] || cp -a --remove-destination "$library/." "$new"
  done
  mv "$torch" "$torch.old"
  mv "$new" "$torch"
  rm -rf "$torch.old" "$extra" "$extra.wheels"
}

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock -n 9 || { say "waiting for another scripts/install_deps.sh to end" && flock 9; }
# Before anything is installed: what would fail at the end fails now.
[ $want_torch = 0 ] || torch_is_there || need_disk 4 "LibTorch $torch_version"
if has dpkg-query && has apt-get; then
  provide_packages
else
  mapfile -t missing < <(tools_that_are_missing)
  [ ${#missing[@]} = 0 ] || die "please install what Debian calls ${missing[*]}, and also: ${libraries[*]}"
  say "not a Debian-like system: CMake will name a library that is missing (or add -DFLUXSBI_FETCH=ON)"
fi
if [ $want_torch = 1 ]; then
  provide_torch
  ! wants_cuda || provide_cuda_libraries
fi
rm -rf "$cache/tmp"
