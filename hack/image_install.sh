#!/bin/sh
# A step of the Dockerfile: installs the lock of $PART and the wheel into /opt/jethook, and writes what is in it.
set -eu
python3 -m venv --without-pip /opt/jethook
install() {
  tools/bin/pip --python /opt/jethook/bin/python install --quiet --no-deps --no-compile "$@"
}
install --require-hashes --requirement "requirements/$PART.txt"
install --no-index wheels/jethook-*.whl
rm -f /opt/jethook/bin/activate* /opt/jethook/bin/Activate.ps1
/opt/jethook/bin/python -P hack/image_trim.py "$PART"
mkdir -p /usr/share/jethook
/opt/jethook/bin/python -P hack/image_sbom.py "jethook-$PART" > /usr/share/jethook/sbom.cdx.json
