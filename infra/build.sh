#!/usr/bin/env bash
# Builds every function as it ships, into the one target folder: .aws-sam/build has what `sam deploy` uploads,
# target/lambda a zip of each, target/transformed.json the template as CloudFormation sees it. Prints the sizes, and fails
# when a zip is larger than 6 MB.
#
#   infra/build.sh [x86_64|arm64]     the machine's own processor without an argument
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/tools.sh

MOST_KB=6144
host="$(uname -m | sed 's/aarch64/arm64/')"
arch="${1:-$host}"
binaries="$(sed -n 's/^ *Binary: *//p' template.yaml | sort -u)"

# All of them at once, which keeps every core busy. `sam build` then finds each of them built.
flags=()
[ "$arch" = "$host" ] || flags+=("--$(echo "$arch" | tr _ -)")
for binary in $binaries; do flags+=(--bin "$binary"); done
cargo lambda build --release --locked "${flags[@]}"
sam build --parameter-overrides "Architecture=$arch"

target="${CARGO_TARGET_DIR:-target}"
python3 infra/transform.py template.yaml "$target/transformed.json"
echo "function                       zip KB  stripped KB"
for binary in $binaries; do
  bootstrap="$target/lambda/$binary/bootstrap"
  zip="$target/lambda/$binary.zip"
  rm -f "$zip"
  (cd "$target/lambda/$binary" && python3 -m zipfile -c "../$binary.zip" bootstrap)
  kb=$(($(stat -c %s "$zip") / 1024))
  printf '%-30s %6d  %11d\n' "$binary" "$kb" $(($(stat -c %s "$bootstrap") / 1024))
  [ "$kb" -le "$MOST_KB" ] || { echo "$binary is larger than $MOST_KB KB" >&2; exit 1; }
done
