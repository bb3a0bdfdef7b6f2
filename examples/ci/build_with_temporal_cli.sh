#!/usr/bin/env bash
# Builds a Millwright project from a CI job with the stock Temporal CLI; needs bash and python3, nothing of Millwright.
#
#   build_with_temporal_cli.sh build --project shop --requirements requirements.md --options '{"approve": ["plan"]}'
#   build_with_temporal_cli.sh answer --question shop/gate/plan/1 --value approve
#
# It keeps nothing between two jobs: what it needs to know is in Temporal.
# Exit codes of `build`: 0 built, 1 failed, 2 refused, 3 a person is needed, 4 budget reached, 5 a service is not
# reachable, 6 built below the margin; of `answer`: 0, 2 and 5.
set -euo pipefail

readonly POLL=2 SETTLE=5 PATIENCE=60 # seconds; SETTLE: how long a question stays open before the job ends for it
readonly PROJECT_ID='[a-z0-9][a-z0-9-]{0,63}'

ended() { # ended CODE LINE: end the job, and say why
  echo "$2"
  exit "$1"
}

called() { # called WORDS…: run a subcommand of `temporal workflow`; its JSON goes to standard output
  temporal workflow "$@" --output json --command-timeout 30s
}

reached() { # reached WORDS…: the same for a call that must not fail: 5 where the service is not there, else 2
  local problem=0
  called "$@" 2>"$scratch/said" || problem=$?
  [ "$problem" = 0 ] && return
  # A call that nobody answers in time is interrupted by the CLI itself.
  if ! grep -q "program interrupted" "$scratch/said" && called list --limit 1 >/dev/null 2>&1; then
    ended 2 "Temporal refused: $(head -n 1 "$scratch/said")" >&2
  fi
  ended 5 "Temporal or its workers do not answer: $(head -n 1 "$scratch/said")" >&2
}

field() { # field PATH: the value at a dotted path of the JSON on standard input; nothing where it is null or missing
  python3 -c '
import json, sys
value = json.loads(sys.stdin.read() or "null")
for name in sys.argv[1].split("."):
    if isinstance(value, list):
        value = value[int(name)] if int(name) < len(value) else None
    else:
        value = value.get(name) if isinstance(value, dict) else None
if value is not None:
    print(value if isinstance(value, str) else json.dumps(value))
' "$1"
}

message() { # message ADDRESS VALUE BY NOTE: three lines, the workflow, the name of the update, and its input
  python3 -c '
import hashlib, json, sys
address, value, by, note = sys.argv[1:]
project, _, question = address.partition("/")
# Derived, so that a job which is tried again decides nothing twice.
given = {"decision_id": hashlib.sha256("\n".join((address, value, by)).encode()).hexdigest()[:16], "by": by, "note": note}
if question.startswith("gate/"):
    told = f"millwright/{project}", "approve", {"gate": question.split("/")[1], "decision": value, **given}
else:
    meant = json.loads(value) if value.startswith("{") else value
    path = question.rpartition("/")[0]
    told = f"millwright/{project}/node/{path}", "answer", {"question": question, "value": meant, **given}
print(*told[:2], json.dumps(told[2]), sep="\n")
' "$@"
}

# shellcheck disable=SC2016 # the backquotes are Markdown's
asked() { # asked ADDRESS OPTIONS TEXT: a question in Markdown, and the exact command that gives the first answer
  local told
  mapfile -t told < <(message "$1" "$(field 0 <<<"$2")" me "")
  printf '### `%s`\n\n%s\n\nAnswers: %s\n\n' "$1" "$3" "$(python3 -c '
import json, sys
print(*(f"`{word}`" for word in json.loads(sys.argv[1])), sep=", ")' "$2")"
  printf '```\n%s\n```\n\n' "$(python3 -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))' \
    temporal workflow update execute --workflow-id "${told[0]}" --name "${told[1]}" --input "${told[2]}")"
}

questions() { # questions PROJECT: all that is asked of people now, in Markdown; fails where nobody answers
  local progress gate address nodes node question
  progress=$(called query --workflow-id "millwright/$1" --type progress) || return 1
  gate=$(field queryResult.0.waits_for <<<"$progress")
  if [ -n "$gate" ]; then
    address=$(field queryResult.0.question <<<"$progress")
    asked "$1/${address:-gate/$gate}" '["approve", "reject"]' \
      "$(called metadata --workflow-id "millwright/$1" | field queryResult.0.currentDetails)" || return 1
  fi
  nodes=$(called list --query "MillwrightProject = '$1' AND MillwrightState = 'waiting' \
AND WorkflowType = 'NodeWorkflow' AND ExecutionStatus = 'Running'") || return 1
  for node in $(python3 -c '
import json, sys
print(*sorted(item["execution"]["workflowId"] for item in json.loads(sys.argv[1] or "[]")))' "$nodes"); do
    question=$(called query --workflow-id "$node" --type question) || return 1
    [ -z "$(field queryResult.0.id <<<"$question")" ] && continue
    asked "$1/$(field queryResult.0.id <<<"$question")" "$(field queryResult.0.options <<<"$question")" \
      "$(field queryResult.0.text <<<"$question")" || return 1
  done
}

summarise() { # add what is on standard input to the job's summary, where there is one, and to its log
  tee -a "${GITHUB_STEP_SUMMARY:-/dev/null}"
}

outcome() { # outcome PROJECT RUN: say how a run ended, and end with its exit code
  local result failure line code=1
  # The CLI ends with 1 where the workflow failed; its JSON says so as well.
  result=$(called result --workflow-id "millwright/$1" --run-id "$2" 2>/dev/null) || true
  line=$(field result.message <<<"$result")
  case "$(field status <<<"$result")" in
  COMPLETED)
    code=$(field result.exit_code <<<"$result")
    line="$(field result.status <<<"$result"): ${line:-$(field result.counts <<<"$result")}"
    ;;
  FAILED)
    failure=$(field closeEvent.workflowExecutionFailedEventAttributes.failure <<<"$result")
    line=$(field message <<<"$failure")
    case "$(field applicationFailureInfo.type <<<"$failure")" in
    BadInput | NotFound | ProjectConflict | SpecificationInvalid | PayloadValidationError) code=2 ;;
    esac
    ;;
  *) line="the build was cancelled, terminated or timed out" ;;
  esac
  printf '## %s\n\nexit code %s: %s\n' "$1" "$code" "$line" | summarise
  exit "$code"
}

build() {
  local given started run described known text answered=$SECONDS since=$SECONDS before=""
  given=$(python3 -c '
import json, pathlib, sys
requirements, specification, options = sys.argv[1:]
given = json.loads(options)
for name, place in (("requirements", requirements), ("specification", specification)):
    if place:
        given[name] = pathlib.Path(place).read_text(encoding="utf-8")
print(json.dumps(given))' "$requirements" "$specification" "$options" 2>"$scratch/said") ||
    ended 2 "the input cannot be read: $(tail -n 1 "$scratch/said")"
  printf '%s' "$given" >"$scratch/input.json"
  started=$(reached start --type ProjectWorkflow --task-queue millwright-control --workflow-id "millwright/$project" \
    --id-conflict-policy UseExisting --id-reuse-policy AllowDuplicate --memo "commit=\"$commit\"" \
    --input-file "$scratch/input.json")
  run=$(field runId <<<"$started")
  described=$(reached describe --workflow-id "millwright/$project" --run-id "$run")
  known=$(field workflowExecutionInfo.memo.fields.commit <<<"$described")
  [ "$known" = "$commit" ] || ended 2 "$project: a build ${known:+of commit }${known:-that no commit started} is \
running (run $run); wait for its end, or cancel it"
  echo "$project: run $run, commit $commit"
  while true; do
    if described=$(called describe --workflow-id "millwright/$project" --run-id "$run" 2>"$scratch/said") &&
      [ "$(field workflowExecutionInfo.status <<<"$described")" != WORKFLOW_EXECUTION_STATUS_RUNNING ]; then
      outcome "$project" "$run"
    fi
    if text=$(questions "$project" 2>"$scratch/said"); then
      answered=$SECONDS
      [ "$text" = "$before" ] || since=$SECONDS
      before=$text
      if [ -n "$text" ] && [ $((SECONDS - since)) -ge "$SETTLE" ]; then
        printf '## %s waits for a person\n\n%s\n\nRun the command with one of the answers, or run this workflow by hand
with the address of the question and the answer. Then re-run this job: it attaches to the build, which has not
stopped.\n' "$project" "$text" | summarise
        exit 3
      fi
    elif [ $((SECONDS - answered)) -gt "$PATIENCE" ]; then
      # A worker that is restarted answers no query for a moment, and a server none at all.
      ended 5 "no answer for $PATIENCE s: $(head -n 1 "$scratch/said")"
    fi
    sleep "$POLL"
  done
}

answer() {
  local told decision
  mapfile -t told < <(message "$question" "$value" "$by" "$note")
  [ "${#told[@]}" = 3 ] || ended 2 "the answer is neither a word nor an object as JSON: $value"
  decision=$(field decision_id <<<"${told[2]}")
  reached update execute --workflow-id "${told[0]}" --name "${told[1]}" --input "${told[2]}" \
    --update-id "${told[1]}-$decision" | field result
}

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# In a workflow file, a variable or secret that is not set is the empty text, which turns TLS on where it stands.
for name in $(compgen -e TEMPORAL_ || true); do
  [ -n "${!name}" ] || unset "$name"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
project="" requirements="" specification="" options="{}" question="" value="" note=""
commit=${GITHUB_SHA:-} by=${GITHUB_ACTOR:-ci}
action=${1:-}
[ "$#" = 0 ] || shift
while [ "$#" -gt 0 ]; do
  [ "$#" -ge 2 ] || ended 2 "$1 needs a value"
  case "$action $1" in
  "build --project") project=$2 ;;
  "build --requirements") requirements=$2 ;;
  "build --specification") specification=$2 ;;
  "build --options") options=$2 ;;
  "build --commit") commit=$2 ;;
  "answer --question") question=$2 ;;
  "answer --value") value=$2 ;;
  "answer --by") by=$2 ;;
  "answer --note") note=$2 ;;
  *) ended 2 "$(usage)" ;;
  esac
  shift 2
done
case "$action" in
build)
  [[ "$project" =~ ^$PROJECT_ID$ ]] || ended 2 "'$project' is not a project id: lower-case letters, digits and hyphens"
  [[ "$commit" =~ ^[0-9A-Za-z._-]+$ ]] || ended 2 "which commit is built? give --commit, or set GITHUB_SHA"
  build
  ;;
answer)
  [[ "$question" =~ ^$PROJECT_ID/(gate/[a-z]+(/[0-9]+)?|[A-Za-z0-9_.-]+/[0-9]+)$ ]] ||
    ended 2 "'$question' is not the address of a question, such as shop/root.cart/1"
  [ -n "$value" ] || ended 2 "what is the answer? give --value"
  answer
  ;;
*) ended 2 "$(usage)" ;;
esac
