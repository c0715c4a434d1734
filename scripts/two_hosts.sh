#!/usr/bin/env bash
# Runs a command by mpirun on two hosts that this machine plays: two network namespaces with names and
# addresses of their own, joined by one cable (veth), which share the machine's files.
#
#   scripts/two_hosts.sh [-n RANKS_OF_EACH] [--cut SECONDS] COMMAND...
#   scripts/two_hosts.sh build/fluxsbi train configs/quickstart.yaml --task two_moons -o runs/two_hosts
#
# Needs root (network namespaces), ip of iproute2 and Open MPI's mpirun. In place of ssh, mpirun starts its
# daemon on the other host by a launch agent that enters the namespace. --cut SECONDS pulls the cable.
set -Eeuo pipefail
trap 'printf "error: %s:%s failed: %s\n" "$0" "$LINENO" "$BASH_COMMAND" >&2' ERR
ranks=1 cut=''
while [ $# -gt 0 ]; do
  case "$1" in
    -n) ranks=$2 && shift 2 ;;
    --cut) cut=$2 && shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" && exit 0 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "error: no command; $0 --help" >&2 && exit 1; }
[ "$(id -u)" = 0 ] || { echo "error: network namespaces need root" >&2 && exit 1; }

hosts=("fluxa$$" "fluxb$$")
work=$(mktemp -d)
clean_up() {
  local host
  for host in "${hosts[@]}"; do ip netns delete "$host" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT

for i in 0 1; do ip netns add "${hosts[$i]}"; done
ip link add "va$$" netns "${hosts[0]}" type veth peer name "vb$$" netns "${hosts[1]}"
ends=("va$$" "vb$$")
for i in 0 1; do
  ip -n "${hosts[$i]}" link set lo up
  ip -n "${hosts[$i]}" address add "10.77.0.$((i + 1))/24" dev "${ends[$i]}"
  ip -n "${hosts[$i]}" link set "${ends[$i]}" up
  printf '10.77.0.%s %s\n' $((i + 1)) "${hosts[$i]}" >>"$work/hosts"
  echo "${hosts[$i]} slots=$ranks" >>"$work/hostfile"
done
printf '127.0.0.1 localhost\n' >>"$work/hosts"

# enter HOST COMMAND...: with the host's network, name and names of hosts.
cat >"$work/enter" <<END
#!/usr/bin/env bash
host=\$1
shift
exec ip netns exec "\$host" unshare --uts --mount bash -c \\
  'hostname "\$0" && mount --bind "$work/hosts" /etc/hosts && cd "$PWD" && exec bash -c "\$*"' "\$host" "\$@"
END
chmod +x "$work/enter"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if [ -n "$cut" ]; then (sleep "$cut" && ip -n "${hosts[1]}" link set "${ends[1]}" down) & fi
"$work/enter" "${hosts[0]}" exec mpirun -n $((2 * ranks)) --hostfile "$work/hostfile" --bind-to none \
  --mca plm_rsh_agent "$work/enter" --mca btl tcp,self --mca btl_tcp_if_include 10.77.0.0/24 \
  --mca oob_tcp_if_include 10.77.0.0/24 "$(printf '%q ' "$@")"
