"""The rates that a browser is asked to begin its video at and to stay below, in the description that it is given."""

from peer.sdp.description import Description, with_bitrates

SDP = """v=0
m=audio 9 UDP/TLS/RTP/SAVPF 96
a=rtpmap:96 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 97 98 99
a=rtpmap:97 VP8/90000
a=rtpmap:98 rtx/90000
a=fmtp:98 apt=97
a=rtpmap:99 H264/90000
a=fmtp:99 profile-level-id=42001f
a=mid:1
m=video 9 UDP/TLS/RTP/SAVPF 97
a=rtpmap:97 VP8/90000
"""


def test_each_video_codec_is_given_the_rates_once_and_nothing_else_changes() -> None:
    before = SDP.splitlines()
    after = with_bitrates(Description("offer", SDP), 4000, 5000).sdp.splitlines()
    extended = "a=fmtp:99 profile-level-id=42001f;x-google-start-bitrate=4000;x-google-max-bitrate=5000"
    added = "a=fmtp:97 x-google-start-bitrate=4000;x-google-max-bitrate=5000"
    assert [line for line in after if line not in (extended, added)] == [
        line for line in before if line != "a=fmtp:99 profile-level-id=42001f"
    ]
    assert after.count(extended) == 1
    assert [after.index(added), len(after) - 1] == [i for i, line in enumerate(after) if line == added]
    assert after.index("a=mid:1") < after.index(added) < after.index("m=video 9 UDP/TLS/RTP/SAVPF 97")
