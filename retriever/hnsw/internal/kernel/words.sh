#!/usr/bin/env bash
# Checks the instructions that kernel_arm64.s writes as words: the GNU assembler
# must make the same word of the comment behind it.
set -euo pipefail
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

sed -nE 's|^\tWORD +\$0x([0-9a-f]{8}) +// ([a-z].*)$|\1\t\2|p' kernel_arm64.s >"$dir/words"
total=$(grep -cw WORD kernel_arm64.s)
[ "$(wc -l <"$dir/words")" = "$total" ] || { echo "not every WORD of kernel_arm64.s has its instruction behind it"; exit 1; }

cut -f2 "$dir/words" >"$dir/in.s"
aarch64-linux-gnu-as -o "$dir/out.o" "$dir/in.s"
aarch64-linux-gnu-objcopy -O binary -j .text "$dir/out.o" "$dir/out.bin"
od -An -v -tx4 -w4 --endian=little "$dir/out.bin" | tr -d ' ' | paste - "$dir/in.s" >"$dir/want"
diff "$dir/words" "$dir/want"
echo "$total words are what their comments say"
