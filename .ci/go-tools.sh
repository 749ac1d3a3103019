# shellcheck shell=bash
# Sourced. The linters that come as Go modules, pinned, and where they are kept: one folder a version, outside the tree.

go_tools_folder=${CODESOFT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/codesoft-tools}
declare -gA go_tools=(
  [actionlint]=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
  [kustomize]=sigs.k8s.io/kustomize/kustomize/v5@v5.8.2
  [compose-check]=github.com/compose-spec/compose-go/v2/cmd@v2.16.2
)

# The path of a Go tool, whether it is installed or not.
go_tool() {
  local module=${go_tools[$1]}
  printf '%s/%s/%s\n' "$go_tools_folder" "$1-${module##*@}" "$1"
}
