#!/bin/sh
# Installs members and the `plaudit` command into a virtual environment, with the versions of uv.lock:
#   install.sh VENV MEMBER[:EXTRA] ...        (in the root of the repository; needs uv)
# plaudit-infra is installed without its dependencies, to keep the local stack's Java and Valkey out of images.
set -eu
venv=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
uv venv --quiet "$venv"
for member in "$@"; do
  package=${member%%:*}
  extra=${member#"$package"}
  uv export --quiet --frozen --no-dev --no-emit-workspace --package "$package" ${extra:+--extra "${extra#:}"} \
    --output-file "$work/$package.txt"
  uv pip install --quiet --python "$venv" --require-hashes -r "$work/$package.txt"
  uv build --quiet --wheel --package "$package" --out-dir "$work/wheels"
done
for package in plaudit-schemas plaudit-infra; do
  uv build --quiet --wheel --package "$package" --out-dir "$work/wheels"
done
uv pip install --quiet --python "$venv" --no-deps "$work"/wheels/*.whl
