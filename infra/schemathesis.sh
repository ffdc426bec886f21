#!/usr/bin/env bash
# Asks a running License Manager (`cargo run`, by default) what its document promises, with thousands of requests
# that are made up: no answer that is not documented, no 5xx. Needs Python; installs schemathesis into a folder of its own.
#   infra/schemathesis.sh [http://127.0.0.1:8000] [options of schemathesis]
set -euo pipefail
cd "$(dirname "$0")/.."

url=${1:-http://127.0.0.1:8000}
shift || true
venv=${VENV:-target/schemathesis}
[ -x "$venv/bin/schemathesis" ] || { python3 -m venv "$venv" && "$venv/bin/pip" --quiet install "schemathesis==4.*"; }

# A requester with every role, so that requests get past authorization; roles have tests of their own.
token=$(curl -sf "$url/_local/tokens" -d '{"preferred_username": "schemathesis", "email": "learner@demo.example", "user_id": 77, "superuser": true, "administrator": true, "roles": ["enterprise_openedx_operator:*"]}')
exec "$venv/bin/schemathesis" run "$url/api/schema/" --header "Authorization: JWT $token" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
  --phases examples,coverage,fuzzing --generation-deterministic --continue-on-failure --warnings off "$@"
