#!/bin/sh
# The programs that the tests drive. As root on Debian they are installed; elsewhere this says what is missing.
set -eu

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
PATH="$PATH:/usr/sbin:/sbin"
need chromium chromium
need firefox-esr firefox-esr
need ip iproute2
need nft nftables
need ping iputils-ping
need turnserver coturn
need Xvfb xvfb
need xdotool xdotool
need openbox openbox
need qemu-system-x86_64 qemu-system-x86
need busybox busybox-static
need modprobe kmod
need speaker-test alsa-utils
need pulseaudio pulseaudio
need pactl pulseaudio-utils
ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so >/dev/null 2>&1 || missing="$missing libasound2-plugins"
need_library() { ldconfig -p | grep -q "$1" || missing="$missing $2"; }
need_file() { [ -e "$1" ] || missing="$missing $2"; }
gstreamer="/usr/lib/$(uname -m)-linux-gnu"
need_file "$gstreamer/girepository-1.0/GstRtspServer-1.0.typelib" gir1.2-gst-rtsp-server-1.0
need_file "$gstreamer/gstreamer-1.0/libgstrtp.so" gstreamer1.0-plugins-good
need_file "$gstreamer/gstreamer-1.0/libgstvideoparsersbad.so" gstreamer1.0-plugins-bad
need_file /usr/lib/python3/dist-packages/gi python3-gi
need_library libatomic.so.1 libatomic1
need_library libGL.so.1 libgl1
need_library libglib-2.0.so.0 libglib2.0-0
need_library libSM.so.6 libsm6

[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing"
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "The tests need these Debian packages:$missing. Install them (as root: apt-get install$missing) and run make test again." >&2
    exit 1
fi
