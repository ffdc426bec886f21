# Sourced by the scripts beside it (from the repository's root): the AWS tools in a virtual environment of the
# project's own, at pinned versions. It is kept between runs, and made anew when a version changes.
# shellcheck shell=bash

SAM_VERSION=1.170.0
CFN_LINT_VERSION=1.58.0
CARGO_LAMBDA_VERSION=1.9.2

tools="${TOOLS_VENV:-${CARGO_TARGET_DIR:-target}/tools}"
command -v python3 >/dev/null || { echo "python3 is needed to install sam, cfn-lint and cargo-lambda" >&2; exit 1; }
marker="$tools/.installed-$SAM_VERSION-$CFN_LINT_VERSION-$CARGO_LAMBDA_VERSION"
if [ ! -e "$marker" ]; then
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "aws-sam-cli==$SAM_VERSION" \
    "cfn-lint==$CFN_LINT_VERSION" "cargo-lambda==$CARGO_LAMBDA_VERSION"
  touch "$marker"
fi
tools="$(cd "$tools" && pwd)"
# The environment's own tools first: sam finds cargo-lambda, and cargo-lambda finds its linker, by the path.
export PATH="$tools/bin:$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-us-east-1}"
