#!/usr/bin/env bash
# Checks template.yaml with `sam validate --lint` and cfn-lint, which it installs into a virtual environment of
# its own (target/validate, kept between runs).
set -euo pipefail
cd "$(dirname "$0")/.."

SAM_VERSION=1.170.0
CFN_LINT_VERSION=1.58.0
venv="${VALIDATE_VENV:-${CARGO_TARGET_DIR:-target}/validate}"

command -v python3 >/dev/null || { echo "validate: python3 is needed to install sam and cfn-lint" >&2; exit 1; }
marker="$venv/.installed-$SAM_VERSION-$CFN_LINT_VERSION"
if [ ! -e "$marker" ]; then
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "aws-sam-cli==$SAM_VERSION" "cfn-lint==$CFN_LINT_VERSION"
  touch "$marker"
fi

export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"
"$venv/bin/sam" validate --lint --template template.yaml
"$venv/bin/cfn-lint" template.yaml
for event in events/*.json; do
  python3 -m json.tool "$event" >/dev/null || { echo "validate: $event is not JSON" >&2; exit 1; }
done
echo "template.yaml and events/ are valid"
