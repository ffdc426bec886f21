#!/usr/bin/env bash
# Runs the built functions in containers, over the table of a runner that it starts: every event of events/ by
# `sam local invoke`, then the demo's story by `sam local start-api`. Checks what they answer, and cleans up.
#
#   infra/sam-local.sh      # runs infra/build.sh first where there is no .aws-sam/build
#
# It needs a Docker engine (DOCKER_HOST says where), and ends with 0 where none answers. Where the base image cannot be
# pulled, it makes one of this machine's own libraries, which needs a static busybox, and removes it at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=public.ecr.aws/lambda/provided:al2023-x86_64
# What `sam local` makes of it: the image with the emulator of Lambda's runtime API.
RAPID_IMAGE=public.ecr.aws/lambda/provided:al2023-rapid-x86_64
DEMO_PLAN=bbbbbbbb-0000-4000-8000-0000000de301

say() { echo "sam-local: $*" >&2; }

if ! command -v docker >/dev/null || ! docker version >/dev/null 2>&1; then
  say "no Docker engine answers: nothing was run"
  exit 0
fi
# shellcheck source=infra/tools.sh
. infra/tools.sh

work="$(mktemp -d)"
network="license-manager-sam-local-$$"
made_image=false
pids=()
cleanup() {
  local status=$?
  # Not by an interrupt, which processes in the background ignore.
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  docker ps --all --quiet --filter "network=$network" | xargs -r docker rm --force >/dev/null 2>&1 || true
  docker network rm "$network" >/dev/null 2>&1 || true
  # An image of our own must not be taken for Amazon's later.
  if $made_image; then docker rmi --force "$RAPID_IMAGE" "$IMAGE" >/dev/null 2>&1 || true; fi
  if [ $status -ne 0 ]; then
    for log in "$work"/*.log; do [ -s "$log" ] && { say "the end of $(basename "$log"):"; tail -n 40 "$log" >&2; }; done
  fi
  rm -rf "$work"
  exit $status
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# A root folder with what `sam local` needs of the base image (a shell, mv, chmod) and what a function needs to start.
make_image() {
  local busybox root="$work/root" library
  busybox="$(command -v busybox)" || { say "the base image cannot be pulled, and there is no busybox to make one"; exit 1; }
  mkdir -p "$root"/{bin,etc/ssl/certs,lib64,lib/x86_64-linux-gnu,opt,tmp,var/task,var/runtime}
  chmod 1777 "$root/tmp"
  cp "$busybox" "$root/bin/busybox"
  for applet in sh mv chmod ls cat env; do ln -s busybox "$root/bin/$applet"; done
  for library in libc.so.6 libm.so.6 libgcc_s.so.1 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2; do
    cp --dereference "/lib/x86_64-linux-gnu/$library" "$root/lib/x86_64-linux-gnu/"
  done
  cp --dereference /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
  if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"; fi
  echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  tar --directory "$root" --create . | docker import --change 'ENV PATH=/bin:/usr/bin' - "$IMAGE" >/dev/null
  made_image=true
}

if ! docker image inspect "$IMAGE" >/dev/null 2>&1 && ! timeout 300 docker pull --quiet "$IMAGE" >/dev/null 2>&1; then
  say "the base image cannot be pulled: making one"
  make_image
fi

if [ ! -e .aws-sam/build/template.yaml ]; then
  say "building the functions"
  infra/build.sh x86_64 >"$work/build.log" 2>&1
fi

# On Linux the gateway of a Docker network is an address of this machine, which only its containers reach. Elsewhere Docker
# runs in a virtual machine, and leads host.docker.internal to this machine's loopback addresses.
docker network create "$network" >/dev/null
listen="$(docker network inspect --format '{{(index .IPAM.Config 0).Gateway}}' "$network")"
host="$listen"
if ! python3 -c 'import socket, sys; socket.socket().bind((sys.argv[1], 0))' "$listen" 2>/dev/null; then
  listen=127.0.0.1 host=host-gateway
fi

say "starting the runner"
cargo build --quiet --locked --package license-local
"${CARGO_TARGET_DIR:-target}/debug/license-local" --listen 127.0.0.1:0 --table-listen "$listen:0" --aws-listen "$listen:0" \
  >"$work/runner.txt" 2>"$work/runner.log" &
pids+=($!)
for _ in $(seq 100); do grep -q '^Tokens' "$work/runner.txt" && break; sleep 0.2; done
runner="$(sed -n 's/.* listens on \(http[^ ]*\).*/\1/p' "$work/runner.txt")"
table_port="$(sed -n 's/^  table .*http:[^ ]*:\([0-9]*\).*/\1/p' "$work/runner.txt")"
aws_port="$(sed -n 's/^  AWS .*http:[^ ]*:\([0-9]*\).*/\1/p' "$work/runner.txt")"
[ -n "$runner" ] && [ -n "$table_port" ] && [ -n "$aws_port" ] || { say "the runner does not start"; exit 1; }

# The configuration is samconfig.toml's own, but for the ports.
sed -e "s/:8001/:$table_port/; s/:8002/:$aws_port/" samconfig.toml >"$work/samconfig.toml"
sam_options=(--config-file "$work/samconfig.toml" --skip-pull-image --docker-network "$network"
  --add-host "host.docker.internal:$host")

# check NAME PYTHON: the JSON on standard input, as `it`, is as the expression says.
check() {
  python3 -c 'import json, sys
name, expression, text = sys.argv[1], sys.argv[2], sys.stdin.read()
try:
    it = json.loads(text.strip().splitlines()[-1])
    good = eval(expression)
except (ValueError, LookupError, TypeError) as error:
    good, expression = False, f"{expression} ({error})"
if not good:
    sys.exit(f"sam-local: {name}: not as expected, {expression}: {text[:2000]}")
print(f"ok  {name}")' "$1" "$2"
}

# invoke EVENT-FILE: what the function answers that the file is named after.
invoke() {
  local name
  name="$(basename "$1" .json)"
  name="${name%%-*}"
  sam local invoke "${sam_options[@]}" "${name^}Function" --event "$1" 2>>"$work/invoke.log"
}

for event in events/*.json; do
  case "$(basename "$event" .json)" in
    provisioning | enrollments) expected='it["statusCode"] == 201' ;;
    jobs) expected='it["statusCode"] == 202' ;;
    mail | workers | workers-* | webhooks | relay) expected='it == {"batchItemFailures": []}' ;;
    # Who is not signed in is led to the sign-in.
    console) expected='it["statusCode"] == 303' ;;
    sweeper) expected='it["failed"] == 0' ;;
    relay-redrive) expected='"next" in it' ;;
    *) expected='it["statusCode"] == 200' ;;
  esac
  invoke "$event" | check "$event" "$expected"
done
# The relay published on the bus, which is a stand-in here: other functions see what one function did.
curl -sf "$runner/_local/events" |
  check "the event of events/relay.json is on the bus" 'any("019ab3f0-5c00-7000-8000-000000000003" in e["detail"]["id"] for e in it)'

# The demo's story, with the runner's own tokens.
api_port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
sam local start-api "${sam_options[@]}" --port "$api_port" --warm-containers LAZY >"$work/start-api.log" 2>&1 &
pids+=($!)
api="http://127.0.0.1:$api_port"
for _ in $(seq 150); do curl -s --max-time 30 -o /dev/null "$api/health/" && break; sleep 0.4; done

# call ROLE METHOD PATH [BODY]: a list of the response's status and its body.
call() {
  local role=$1 method=$2 path=$3
  local arguments=(--silent --max-time 60 --request "$method" --header "Authorization: JWT $(curl -sf "$runner/_local/tokens/$role")")
  if [ $# -gt 3 ]; then arguments+=(--header 'Content-Type: application/json' --data "$4"); fi
  curl "${arguments[@]}" --write-out '\n%{http_code}' "$api$path" |
    python3 -c 'import json, sys
*lines, status = sys.stdin.read().splitlines()
text = "\n".join(lines)
try:
    body = json.loads(text)
except ValueError:
    body = text
print(json.dumps([int(status), body]))'
}

plan="/api/v1/subscriptions/$DEMO_PLAN"
learner='{"user_emails": ["learner@demo.example"]}'
# The runner's own function of mails loses its invocations, so that the one in a container has something to do.
curl -sf "$runner/_local/faults" --data '{"worker": "function-mail", "next": 100000, "how": "before"}'
call admin GET /health/ | check "health" 'it[0] == 200'
call admin GET /api/v1/subscriptions/ | check "the plans" 'it[0] == 200 and it[1]["count"] >= 4'
call admin GET "$plan/nowhere/" | check "a path that does not exist" 'it[0] == 404'
call admin POST "$plan/licenses/assign/" '{"user_emails": ["new@demo.example"], "notify_users": true}' |
  check "a license is assigned" 'it[0] == 200 and it[1]["num_successful_assignments"] == 1'
call admin GET "$plan/licenses/?search=learner@demo.example&status=assigned" >"$work/found.json"
check "the learner's license is found" 'it[0] == 200 and it[1]["count"] == 1' <"$work/found.json"
key="$(python3 -c 'import json, sys; print(json.load(sys.stdin)[1]["results"][0]["activation_key"])' <"$work/found.json")"
call learner POST "/api/v1/license-activation/?activation_key=$key" | check "it is activated" 'it[0] == 200'
call admin GET "$plan/licenses/overview/" | check "the plan's counts" 'it[0] == 200 and sum(line["count"] for line in it[1]) >= 100'
call admin POST "$plan/licenses/bulk-revoke/" "$learner" |
  check "it is revoked" 'it[0] == 200 and it[1]["successful_revocations"][0]["original_status"] == "activated"'

# A consequence of the changes: the runner's relay has sent a message for a mail, and the function in a container sends the mail.
curl -sf --request POST "$runner/_local/drain" >/dev/null
curl -sf "$runner/_local/events" | python3 -c 'import json, sys
event = json.load(open("events/mail.json"))
published = [e for e in json.load(sys.stdin) if e["detail"].get("assigned_email") == "new@demo.example"]
message = json.loads(event["Records"][0]["body"])
message["event"] = published[-1]["detail"]["id"].split(".")[0]
event["Records"][0]["body"] = json.dumps(message)
json.dump(event, sys.stdout)' >"$work/mail.json"
invoke "$work/mail.json" | check "the function takes the mail" 'it == {"batchItemFailures": []}'
curl -sf "$runner/_local/mail" | check "the learner has it" 'any(mail["to"] == "new@demo.example" for mail in it)'
say "all passed in $SECONDS s"
