#!/usr/bin/env bash
# Checks template.yaml with `sam validate --lint` and cfn-lint (infra/tools.sh installs them).
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/tools.sh

sam validate --lint --template template.yaml
cfn-lint template.yaml
for event in events/*.json; do
  python3 -m json.tool "$event" >/dev/null || { echo "validate: $event is not JSON" >&2; exit 1; }
done
echo "template.yaml and events/ are valid"
