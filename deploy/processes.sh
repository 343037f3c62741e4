#!/usr/bin/env bash
# The platform as six processes on this machine, without Dapr: the embedded sidecar and the five services, until Ctrl-C.
# DATA (default ./.beamline-processes) holds everything; GATEWAY_PORT (default 8080) is where clients go.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
data=${DATA:-$PWD/.beamline-processes}
gateway_port=${GATEWAY_PORT:-8080}
export DAPR_API_TOKEN=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
export APP_API_TOKEN=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')

dotnet build "$root/services/local" -c Release -v q -nologo   # it references all the others
bin() { echo "$root/artifacts/bin/$1/release/Beamline.$1"; }

# app-id, project, the app's port, its sidecar's port
services=(
  "scheduler     Scheduler    8081 3501"
  "cpu-executor  CpuExecutor  8082 3502"
  "io-executor   IoExecutor   8083 3503"
  "gpu-executor  GpuExecutor  8084 3504"
  "gateway       Gateway      $gateway_port 3500"
)

pids=()
stop() { trap - INT TERM; for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill -TERM "${pids[i]}" 2>/dev/null && wait "${pids[i]}" || true; done; exit 0; }
trap stop INT TERM

apps=()
for service in "${services[@]}"; do
  read -r id _ port dapr <<<"$service"
  apps+=(--app "$id=$dapr:$port")
done
"$(bin Sidecar)" --data "$data/sidecar" --components "$root/components/local" "${apps[@]}" &
pids+=($!)

for service in "${services[@]}"; do
  read -r id project port dapr <<<"$service"
  DAPR_HTTP_PORT=$dapr Ledger__Folder="$data/scheduler" Fs__Root="$data/files" Http__Egress__Allow__0=127.0.0.1 \
    "$(bin "$project")" --urls "http://127.0.0.1:$port" &
  pids+=($!)
done
wait -n   # the first that ends takes the others with it
stop
