#!/usr/bin/env bash
# Puts the program and every library it needs into one folder, which may be moved and copied: for a cluster's
# shared disk, a module, or a container.
#
#   scripts/bundle.sh FOLDER [BUILD]
#
# BUILD (build) must hold a built program. The folder then has bin/, lib/fluxsbi/, the manual page,
# completions, and share/modulefiles/fluxsbi for `module use FOLDER/share/modulefiles; module load fluxsbi`.
# It runs on every Linux of this processor kind whose glibc is at least as new as this machine's; of a
# machine's own it takes glibc and the GPU's driver alone. Needs patchelf.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder=$(realpath -m "${1:?the folder that is made: scripts/bundle.sh FOLDER [BUILD]}")
build=$(realpath "${2:-$root/build}")
[ -x "$build/fluxsbi-network" ] || die "$build holds no built program; build it first (docs/build.md)"
command -v patchelf >/dev/null || die "patchelf is missing; install it (apt-get install patchelf)"
if [ -e "$folder" ] && [ ! -e "$folder/bin/fluxsbi" ] && [ -n "$(ls -A "$folder")" ]; then
  die "$folder holds other files; name a new or empty folder"
fi

# glibc and the GPU's driver belong to the machine that runs the program.
machines_own='/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|nsl|anl|cuda|nvidia-ml))\.so'

needed_by() { # the files of all libraries that a program or library loads
  ldd "$1" | awk '$3 ~ /^\// {print $3}' | grep -vE "$machines_own"
}
missing_for() { ldd "$1" | awk '/not found/ {print $1; exit}'; }

# Without the libraries for C++ programs of one's own, which need this machine's LibTorch.
cmake --install "$build" --prefix "$folder" --component program >/dev/null
mkdir -p "$folder/lib/fluxsbi"
programs=(fluxsbi fluxsbi-network)
for plugin in "$folder"/bin/*.so; do
  [ -e "$plugin" ] || continue
  name=$(basename "$plugin")
  if [ "$name" = libfluxsbi_mpi.so ]; then # MPI is the cluster's own
    patchelf --force-rpath --set-rpath '$ORIGIN/../lib/fluxsbi' "$plugin"
    mpi=$(ldd "$build/$name" | awk '/libmpi\./ {print $1}')
    say "$name takes $mpi of the machine that runs it"
    continue
  fi
  missing=$(missing_for "$build/$name")
  if [ -z "$missing" ]; then
    programs+=("$name")
  else
    rm "$plugin"
    say "$name is left out: it needs $missing, which is not on this machine"
  fi
done
for name in "${programs[@]}"; do
  missing=$(missing_for "$build/$name")
  [ -z "$missing" ] || die "$name needs $missing, which is not on this machine"
  needed_by "$build/$name" | while read -r library; do
    target=$folder/lib/fluxsbi/$(basename "$library")
    if [ ! -e "$target" ]; then cp -L "$library" "$target"; fi
  done
done

chmod u+w "$folder"/lib/fluxsbi/*
for name in "${programs[@]}"; do
  patchelf --force-rpath --set-rpath '$ORIGIN/../lib/fluxsbi' "$folder/bin/$name"
done
for library in "$folder"/lib/fluxsbi/*; do
  patchelf --force-rpath --set-rpath '$ORIGIN' "$library"
done

mkdir -p "$folder/share/modulefiles"
cat >"$folder/share/modulefiles/fluxsbi" <<'MODULE'
#%Module1.0
module-whatis "fluxsbi: simulation-based inference from the command line"
set folder [file normalize [file join [file dirname [file normalize $ModulesCurrentModulefile]] .. ..]]
prepend-path PATH $folder/bin
prepend-path MANPATH $folder/share/man
MODULE

# Nothing of this machine is used but what every machine has.
for name in "${programs[@]}"; do
  foreign=$(needed_by "$folder/bin/$name" | grep -v "^$folder/" || true)
  [ -z "$foreign" ] || die "$name still takes $foreign"
done
env -i "$folder/bin/fluxsbi" info >/dev/null
glibc=$(ldd --version | awk 'NR == 1 {print $NF}')
say "$folder: $(du -sh "$folder" | cut -f1), runs where glibc is $glibc or newer"
