#!/usr/bin/env bash
# Proves a deployment from outside: reads, refuses, makes a customer and a plan of its own, assigns a license, finds it,
# revokes it, and puts away what it made.
#
#   infra/smoke.sh BASE_URL TOKEN [ADMIN_TOKEN]
#
# TOKEN        a token (without "JWT ") that may provision everywhere: roles ["enterprise_provisioning_admin:*"]
# ADMIN_TOKEN  a token that may administer licenses everywhere: roles ["enterprise_openedx_operator:*"]; may be left out
#              if TOKEN has both roles. The tokens stay out of the process list if they are given as SMOKE_TOKEN and
#              SMOKE_ADMIN_TOKEN in the environment.
#
# What stays: the customer agreement of the customer below, and in it one inactive plan with one revoked license. Neither
# an agreement nor a plan that was used can be deleted; the next run uses both again. No mail is sent.
#
# Exit status
#   0  all checks passed, and what was made is put away
#   1  a check failed
#   2  the arguments are wrong
#   3  the deployment does not answer at all
#   4  the checks passed, but putting away what was made failed
#   5  curl is not installed
#
# SMOKE_PRODUCT is the number of the product that the plan is of (4, the product for tests of a new installation).
set -uo pipefail

CUSTOMER=5e1f7e57-0000-4000-8000-000000000000
CATALOG=5e1f7e57-0000-4000-8000-00000000ca7a
LEARNER=smoke-test@example.com
LINE_ITEM=00k00000000SM0KE00
TIMEOUT=35

usage() { echo "usage: infra/smoke.sh BASE_URL TOKEN [ADMIN_TOKEN]" >&2; exit 2; }

command -v curl >/dev/null || { echo "smoke: curl is needed" >&2; exit 5; }
[ $# -ge 1 ] && [ $# -le 3 ] || usage
base="${1%/}"
token="${2:-${SMOKE_TOKEN:-}}"
admin="${3:-${SMOKE_ADMIN_TOKEN:-$token}}"
product="${SMOKE_PRODUCT:-4}"
case "$base" in http://* | https://*) ;; *) usage ;; esac
[ -n "$token" ] || usage

work="$(mktemp -d)"
plan="" second="" began=false passed=0 status="" body=""

# call METHOD PATH TOKEN [JSON]: sets status (000: no response) and body. The token goes in by a file, so that it is not
# in the list of processes.
call() {
  local -a options=(--silent --show-error --max-time "$TIMEOUT" --request "$1" --output "$work/body" --write-out '%{http_code}')
  [ -z "$3" ] || { printf 'header = "Authorization: JWT %s"\n' "$3" >"$work/token"; options+=(--config "$work/token"); }
  [ -z "${4:-}" ] || options+=(--header 'Content-Type: application/json' --data "$4")
  : >"$work/body"
  status="$(curl "${options[@]}" "$base$2" 2>"$work/error")" || status=000
  body="$(cat "$work/body")"
}

# The first text of that name in the last body. Bodies are compact JSON.
text() { grep -o "\"$1\":\"[^\"]*\"" "$work/body" | head -n 1 | cut -d '"' -f 4; }

fail() {
  echo "FAILED  $1: status $status, ${body:0:300}" >&2
  exit 1
}

# check NAME STATUS [PART]: the last call had that status, and that part in its body.
check() {
  [ "$status" = "$2" ] || fail "$1 (expected $2)"
  [ -z "${3:-}" ] || grep -q -F -- "$3" "$work/body" || fail "$1 (expected $3)"
  passed=$((passed + 1))
  echo "ok      $1"
}

# Removes what was created, even after a failure. A plan that was used cannot be deleted, so it is made inactive.
put_away() {
  local code=$?
  trap - EXIT
  if [ -n "$second" ]; then
    call DELETE "/api/v1/subscriptions/$second/" "$token"
    case "$status" in 204 | 404) ;; *) echo "FAILED  plan $second was not deleted: status $status" >&2; [ "$code" -ne 0 ] || code=4 ;; esac
  fi
  if $began && [ -n "$plan" ]; then
    call POST "/api/v1/subscriptions/$plan/licenses/bulk-revoke/" "$admin" "{\"user_emails\": [\"$LEARNER\"]}"
    case "$status" in 200 | 404) ;; *) echo "FAILED  the license was not revoked: status $status" >&2; [ "$code" -ne 0 ] || code=4 ;; esac
    call PATCH "/api/v1/provisioning-admins/subscriptions/$plan/?include_inactive=true" "$token" \
      '{"is_active": false, "change_reason": "other"}'
    [ "$status" = 200 ] || { echo "FAILED  plan $plan stays active: status $status" >&2; [ "$code" -ne 0 ] || code=4; }
  fi
  rm -rf "$work"
  case "$code" in
    0) echo "$passed checks passed: $base works, and what the checks made is put away" ;;
    4) echo "$passed checks passed, but not all that they made is put away" >&2 ;;
    *) echo "$passed checks passed before that" >&2 ;;
  esac
  exit "$code"
}
trap put_away EXIT
trap 'exit 1' INT TERM

plan_body() {
  printf '{"title": "%s", "customer_agreement": "%s", "start_date": "2020-01-01T00:00:00Z", "expiration_date": "2099-12-31T00:00:00Z",' "$1" "$agreement"
  printf ' "desired_num_licenses": 5, "is_active": true, "product": %s, "change_reason": "new", "for_internal_use_only": true,' "$product"
  printf ' "salesforce_opportunity_line_item": "%s"}' "$LINE_ITEM"
}

call GET /health/ ""
[ "$status" != 000 ] || { echo "FAILED  $base does not answer: $(cat "$work/error")" >&2; exit 3; }
check "it is healthy, and so is its table" 200 '"overall_status":"OK"'
call GET /api/schema/ ""
check "it describes itself" 200 '"openapi"'
call GET /api/v1/subscriptions/ ""
check "plans cannot be read without a token" 401
call GET /api/v1/subscriptions/ "${token%.*}.c21va2U"
check "nor with a token that is not signed" 401
call GET /api/v1/no-such-thing/ "$token"
check "an unknown path is not found" 404

call POST /api/v1/provisioning-admins/customer-agreement/ "$token" \
  "{\"enterprise_customer_uuid\": \"$CUSTOMER\", \"default_enterprise_catalog_uuid\": \"$CATALOG\"}"
if [ "$status" = 400 ]; then
  # There is one from an earlier run.
  call GET "/api/v1/customer-agreement/?enterprise_customer_uuid=$CUSTOMER" "$admin"
  check "the customer's agreement is found" 200 "$CUSTOMER"
else
  check "a customer agreement is made" 201 "$CUSTOMER"
fi
agreement="$(text uuid)"

call GET "/api/v1/provisioning-admins/subscriptions/?enterprise_customer_uuid=$CUSTOMER&include_inactive=true" "$token"
check "the customer's plans are listed" 200 '"results"'
plan="$(grep -o '"title":"Smoke test","uuid":"[^"]*"' "$work/body" | head -n 1 | cut -d '"' -f 8)"
if [ -z "$plan" ]; then
  call POST /api/v1/provisioning-admins/subscriptions/ "$token" "$(plan_body 'Smoke test')"
  check "a plan of 5 licenses is made" 201
  plan="$(text uuid)"
  began=true
else
  began=true
  call PATCH "/api/v1/provisioning-admins/subscriptions/$plan/?include_inactive=true" "$token" \
    '{"is_active": true, "change_reason": "other"}'
  check "the plan of an earlier run is active again" 200
  # A run that was stopped may have left its license.
  call POST "/api/v1/subscriptions/$plan/licenses/bulk-revoke/" "$admin" "{\"user_emails\": [\"$LEARNER\"]}"
fi
call POST /api/v1/provisioning-admins/subscriptions/ "$token" "$(plan_body "Smoke test $(date -u +%Y-%m-%dT%H:%M:%SZ) $$")"
check "another plan is made" 201
second="$(text uuid)"
call DELETE "/api/v1/subscriptions/$second/" "$token"
check "and deleted, as it is unused" 204
second=""

call POST "/api/v1/subscriptions/$plan/licenses/assign/" "$admin" \
  "{\"user_emails\": [\"$LEARNER\"], \"notify_users\": false}"
check "a license is assigned" 200 '"num_successful_assignments":1'
license="$(text license)"
call GET "/api/v1/subscriptions/$plan/licenses/$license/" "$admin"
check "it is read by its id" 200 "$LEARNER"
# The list is an index, which may lag behind for a moment.
for wait in 1 1 2 4 0; do
  call GET "/api/v1/subscriptions/$plan/licenses/?status=assigned&search=$LEARNER" "$admin"
  grep -q -F -- "$license" "$work/body" && break
  sleep "$wait"
done
check "it is listed" 200 "$license"
call GET "/api/v1/subscriptions/$plan/licenses/overview/" "$admin"
check "it is counted" 200 '"status":"assigned"'
call POST "/api/v1/subscriptions/$plan/licenses/bulk-revoke/" "$admin" "{\"user_emails\": [\"$LEARNER\"]}"
check "it is revoked" 200 "$license"
call GET "/api/v1/subscriptions/$plan/licenses/$license/" "$admin"
check "and stays on record as revoked" 200 '"status":"revoked"'
