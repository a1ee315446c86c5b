#!/bin/sh
# The picture of the README from a run's report: docs/front.sh runs/digits_zcu102/report.html
# The page without all but its front, as chromium draws it 1200 pixels wide.
set -e
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1" "$work/page.html"
cat >> "$work/page.html" <<'END'
<style>main { padding: 6px 14px; max-width: none; } body { overflow: hidden; }</style>
<script>
  const kept = document.querySelector(".grid"), legend = document.querySelector(".legend");
  for (const node of [...document.querySelector("main").children])
    if (node !== kept && node !== legend) node.remove();
</script>
END
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync \
  --user-data-dir="$work/profile" --virtual-time-budget=10000 --hide-scrollbars \
  --window-size=1200,480 --screenshot="$PWD/docs/front.png" "file://$work/page.html" 2> /dev/null
