#!/usr/bin/env bash
# Checks template.yaml with `sam validate --lint`, cfn-lint (infra/tools.sh installs them) and checkov, a policy linter with
# pins of its own and therefore an environment of its own. infra/checkov.yaml says which of its checks do not apply, and why.
set -euo pipefail
cd "$(dirname "$0")/.."
. infra/tools.sh

sam validate --lint --template template.yaml
cfn-lint template.yaml infra/restored-table.yaml

CHECKOV_VERSION=3.3.30
checkov="${CHECKOV_VENV:-${CARGO_TARGET_DIR:-target}/checkov}"
if [ ! -e "$checkov/.installed-$CHECKOV_VERSION" ]; then
  python3 -m venv --clear "$checkov"
  "$checkov/bin/pip" install --quiet --disable-pip-version-check "checkov==$CHECKOV_VERSION"
  touch "$checkov/.installed-$CHECKOV_VERSION"
fi
"$checkov/bin/checkov" --config-file infra/checkov.yaml --file template.yaml
for event in events/*.json; do
  python3 -m json.tool "$event" >/dev/null || { echo "validate: $event is not JSON" >&2; exit 1; }
done
echo "template.yaml and events/ are valid"
