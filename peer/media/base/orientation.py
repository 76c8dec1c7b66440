"""How a picture has to be turned and mirrored to be seen as it was taken: by a film's header, or by EXIF data."""

import struct
from dataclasses import dataclass

import av
import av.filter
from av.sidedata.sidedata import SideData, Type

from peer.media.base.pictures import Plane, planes

_NAMELESS = sorted(set(range(64)) - {kind.value for kind in Type})
"""Kinds of side data that FFmpeg has and PyAV has no name for, such as EXIF: it then refuses to show any."""


@dataclass(frozen=True)
class Orientation:
    """First rows become columns, if `transposed`; then left and right, or top and bottom, change places."""

    transposed: bool = False
    mirrored: bool = False  # left for right
    upside_down: bool = False

    def apply(self, plane: Plane) -> Plane:
        """A view of a plane (height x width) as it is to be seen."""
        turned = plane.T if self.transposed else plane
        return turned[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]


UPRIGHT = Orientation()


def oriented(frame: av.VideoFrame, orientation: Orientation) -> av.VideoFrame:
    """A yuv420p frame turned and mirrored; itself if it is upright."""
    if orientation == UPRIGHT:
        return frame
    size = (frame.height, frame.width) if orientation.transposed else (frame.width, frame.height)
    result = av.VideoFrame(*size, "yuv420p")
    for target, plane in zip(planes(result), planes(frame), strict=True):
        target[:] = orientation.apply(plane)
    return result


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """What its display matrix says (ISO/IEC 14496-12 §8.3.2), to the nearest quarter turn; without one, upright.

    FFmpeg makes the same matrix of the eight orientations of EXIF.
    """
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # there is side data that PyAV has no name for
        matrix = _without_nameless(frame).side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return UPRIGHT
    # A point (x, y) of the stored picture is shown at (a x + c y, b x + d y).
    a, b, _, c, d = struct.unpack_from("5i", bytes(matrix))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transposed=True, mirrored=c < 0, upside_down=b < 0)
    return Orientation(mirrored=a < 0, upside_down=d < 0)


def _without_nameless(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture with that side data only that PyAV has a name for."""
    graph = av.filter.Graph()
    shape = f"{frame.width}x{frame.height}"
    steps = [graph.add("buffer", f"video_size={shape}:pix_fmt={frame.format.name}:time_base=1/1")]
    steps += [graph.add("sidedata", f"mode=delete:type={number}") for number in _NAMELESS]
    steps.append(graph.add("buffersink"))
    graph.link_nodes(*steps).configure()
    graph.push(frame)
    result = graph.pull()
    assert isinstance(result, av.VideoFrame)  # noqa: S101 for the type checker: pictures went in
    return result
