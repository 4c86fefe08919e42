#!/usr/bin/env python3
"""Makes clip.ts, the demo's test card, and checks it.

    apt-get install ffmpeg fonts-dejavu-core python3-pil python3-numpy
    python3 make_clip.py            # writes clip.ts beside this script, then checks it
    python3 make_clip.py --check    # checks the clip that is there

(or a virtual environment with `pip install pillow numpy`). Takes about a minute.

The clip is one period of a stream without end: 512 frames at 25 a second and 960 AAC frames of 1,024 samples at
48 kHz are both 20.48 s. Every 1.28 s (32 frames, one closed GOP, 60 AAC frames) the hand passes twelve
o'clock, the dial flashes and a note sounds. The top fifteenth of the picture is a strip of 16 cells: white,
black, the frame's number in 13 bits, and a parity bit that makes the number of white cells among the last 14
even.

To have no seam, picture and sound are encoded and multiplexed three times over and the middle one is kept: the
AAC frame before its first is the one before its end, and the multiplexer is in its steady state.
"""
import argparse, json, math, pathlib, struct, subprocess, sys, tempfile, wave

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FRAMES, RATE, TURN, TURNS = 512, 25, 32, 16
WIDTH, HEIGHT, STRIP, CELL = 1280, 720, 48, 80
SAMPLE_RATE, AAC_FRAMES = 48_000, 960
SAMPLES = AAC_FRAMES * 1024
PERIOD_90KHZ = FRAMES * 3600
CLIP = pathlib.Path(__file__).with_name("clip.ts")

CENTRE, RADIUS = (640, 384), 300
DIAL, COUNTER, DIAL_RADIUS = (178, 384), (1102, 384), 112
BACKGROUND, LINE, DARK, LIGHT = (62, 70, 84), (128, 138, 154), (16, 20, 26), (236, 240, 244)
ACCENT = (255, 176, 32)


def font(size, mono=False):
    name = "DejaVuSansMono-Bold" if mono else "DejaVuSans-Bold"
    return ImageFont.truetype(f"/usr/share/fonts/truetype/dejavu/{name}.ttf", size)


def box(centre, radius):
    return [centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius]


def static_card():
    """All that stands still. Edges lie on multiples of 8 or 16 pixels where they can: sharp and cheap."""
    card = Image.new("RGB", (WIDTH, HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(card)
    for x in range(0, WIDTH + 1, CELL):
        draw.rectangle([x - 1, 64, x, 703], fill=LINE)
    for y in range(64, 705, CELL):
        draw.rectangle([0, y - 1, WIDTH, y], fill=LINE)
    for i in range(32):  # castellations show whether the picture is cut at its edges
        shade = LIGHT if i % 2 else DARK
        draw.rectangle([i * 40, 704, i * 40 + 39, 719], fill=shade)
        draw.rectangle([i * 40, 48, i * 40 + 39, 63], fill=shade)
    for i in range(8):
        shade = LIGHT if i % 2 else DARK
        for x in (0, WIDTH - 16):
            draw.rectangle([x, 64 + i * 80, x + 15, 143 + i * 80], fill=shade)

    for text, where in [("MPEG-TS", (178, 184)), ("RFC 7450", (1102, 184)), ("H.264 · 720p25", (178, 584)),
                        ("AAC · 48 kHz", (1102, 584))]:
        draw.rounded_rectangle([where[0] - 122, where[1] - 24, where[0] + 122, where[1] + 24], 12, fill=DARK)
        draw.text(where, text, LIGHT, font(24), anchor="mm")

    disc = bands()
    mask = Image.new("L", (WIDTH * 4, HEIGHT * 4))
    ImageDraw.Draw(mask).ellipse([v * 4 for v in box(CENTRE, RADIUS)], fill=255)
    card.paste(disc, (0, 0), mask.resize((WIDTH, HEIGHT), Image.LANCZOS))
    return card


def bands():
    """The middle disc before it is cut round: name, colour bars, ramps, clock, gratings, hues, steps."""
    image = Image.new("RGB", (WIDTH, HEIGHT), DARK)
    draw = ImageDraw.Draw(image)
    draw.text((640, 118), "amt://", LIGHT, font(46), anchor="mm")
    bars = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
    for i, colour in enumerate(bars):  # 75 % bars
        draw.rectangle([360 + i * 80, 152, 439 + i * 80, 271], fill=colour)
    draw.rectangle([340, 152, 359, 271], fill=bars[0])
    draw.rectangle([920, 152, 940, 271], fill=bars[6])
    for x in range(340, 940):
        shade = round((x - 340) / 599 * 255)
        draw.line([x, 272, x, 303], fill=(shade, shade, shade))
        draw.line([x, 512, x, 575], fill=hue((x - 340) / 600))
    for i, period in enumerate((32, 16, 8, 6, 4)):
        for x in range(340 + i * 120, 460 + i * 120):
            shade = round(128 + 100 * math.cos(2 * math.pi * (x - 340) / period))
            draw.line([x, 472, x, 511], fill=(shade, shade, shade))
    for i in range(11):
        shade = round(255 * i / 10)
        draw.rectangle([464 + i * 32, 576, 495 + i * 32, 623], fill=(shade, shade, shade))
    draw.text((640, 452), "seconds : frames", LINE, font(18), anchor="mm")
    draw.text((640, 648), "live over AMT", LIGHT, font(22), anchor="mm")
    return image


def hue(turn):
    def channel(offset):
        return round(40 + 190 * min(1, max(0, abs((turn + offset) % 1 * 6 - 3) - 1)))
    return channel(0), channel(2 / 3), channel(1 / 3)


def dial(phase, flash):
    """The sweep hand on its dial with a short trail, 248 × 248, drawn four times as large and reduced."""
    size, scale = 248, 4
    big = Image.new("RGB", (size * scale, size * scale), mix(BACKGROUND, ACCENT, flash))
    draw = ImageDraw.Draw(big)
    middle = size * scale / 2, size * scale / 2
    draw.ellipse(box(middle, DIAL_RADIUS * scale), fill=mix(DARK, ACCENT, flash * 0.85))
    for i in range(12, 0, -1):
        angle = phase * 360 - 90
        draw.pieslice(box(middle, 88 * scale), angle - i * 5, angle - i * 5 + 6,
                      fill=mix(mix(DARK, ACCENT, flash * 0.85), (110, 160, 200), 0.5 * (1 - i / 13)))
    for i in range(TURN):
        angle, inner = 2 * math.pi * i / TURN, 92 if i % 8 == 0 else 100
        sine, cosine = math.sin(angle), -math.cos(angle)
        draw.line([(middle[0] + sine * r * scale, middle[1] + cosine * r * scale) for r in (inner, 108)],
                  fill=LIGHT, width=(5 if i % 8 == 0 else 3) * scale)
    sine, cosine = math.sin(2 * math.pi * phase), -math.cos(2 * math.pi * phase)
    draw.line([(middle[0] + sine * r * scale, middle[1] + cosine * r * scale) for r in (-18, 88)],
              fill=LIGHT, width=6 * scale)
    draw.ellipse(box(middle, 10 * scale), fill=ACCENT)
    return big.resize((size, size), Image.LANCZOS)


def counter(turn, flash):
    """Sixteen segments, one for each turn of the hand: where in the clip we are."""
    size, scale = 248, 4
    big = Image.new("RGB", (size * scale, size * scale), BACKGROUND)
    draw = ImageDraw.Draw(big)
    middle = size * scale / 2, size * scale / 2
    draw.ellipse(box(middle, DIAL_RADIUS * scale), fill=DARK)
    for i in range(TURNS):
        colour = mix(ACCENT, LIGHT, flash) if i == turn else (150, 108, 36) if i < turn else (52, 60, 72)
        start = i * 360 / TURNS - 90
        draw.pieslice(box(middle, 104 * scale), start + 2, start + 360 / TURNS - 2, fill=colour)
    draw.ellipse(box(middle, 72 * scale), fill=DARK)
    small = big.resize((size, size), Image.LANCZOS)
    ImageDraw.Draw(small).text((size / 2, size / 2), f"{turn + 1}", LIGHT, font(64), anchor="mm")
    return small


def mix(one, other, share):
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other))


def strip_cells(number):
    bits = [number >> bit & 1 for bit in range(12, -1, -1)]
    return [1, 0, *bits, sum(bits) % 2]


def frames():
    card, digits = static_card(), font(132, mono=True)
    tile_mask = Image.new("L", (248 * 4, 248 * 4))
    ImageDraw.Draw(tile_mask).ellipse(box((496, 496), 118 * 4), fill=255)
    tile_mask = tile_mask.resize((248, 248), Image.LANCZOS)
    for number in range(FRAMES):
        turn, step = divmod(number, TURN)
        flash = max(0.0, 1 - step / 5)
        picture = card.copy()
        draw = ImageDraw.Draw(picture)
        for cell, white in enumerate(strip_cells(number)):
            draw.rectangle([cell * CELL, 0, cell * CELL + CELL - 1, STRIP - 1], fill=(255,) * 3 if white else (0,) * 3)
        for tile, centre in ((dial(step / TURN, flash), DIAL), (counter(turn, flash), COUNTER)):
            picture.paste(tile, (centre[0] - 124, centre[1] - 124), tile_mask)
        draw.text((640, 372), f"{number // RATE:02}:{number % RATE:02}", LIGHT, digits, anchor="mm")
        yield picture


def melody():
    """Sixteen notes on the turns over four chords; all of it periodic, echoes and releases run round the end."""
    out = np.zeros((SAMPLES, 2))
    t = np.arange(int(2.5 * SAMPLE_RATE)) / SAMPLE_RATE

    def hertz(note):  # MIDI numbers
        return 440 * 2 ** ((note - 69) / 12)

    def add(at, mono, left, right):
        where = (int(round(at)) + np.arange(len(mono))) % SAMPLES
        out[where, 0] += mono * left
        out[where, 1] += mono * right

    turn = SAMPLES // TURNS
    for i, note in enumerate([76, 79, 84, 79, 81, 76, 79, 72, 77, 81, 84, 81, 79, 74, 77, 74]):
        f = hertz(note)
        tone = (np.sin(2 * np.pi * f * t) * np.exp(-t / 0.42) + 0.32 * np.sin(4 * np.pi * f * t) * np.exp(-t / 0.2)
                + 0.14 * np.sin(8 * np.pi * f * t) * np.exp(-t / 0.06))
        tone *= np.minimum(1, t / 0.005) * np.minimum(1, (t[-1] - t) / 0.3) * 0.22
        add(i * turn, tone, 1, 1)
        for echo in (1, 2, 3):  # quarter turns, from side to side
            left = 0.9 if echo % 2 else 0.25
            add((i + echo / 4) * turn, tone * 0.34 ** echo, left, 1.15 - left)

    length, fade = 4 * turn, int(0.8 * SAMPLE_RATE)
    span = np.arange(length + fade)
    envelope = np.minimum(1, np.minimum(span, span[::-1]) / fade)
    envelope = np.sin(envelope * np.pi / 2) ** 2
    for i, chord in enumerate([(48, 55, 64, 71), (45, 52, 60, 67), (41, 53, 57, 64), (43, 50, 60, 65)]):
        for voice, note in enumerate(chord):
            for side, detune in ((0.8, 0.9985), (0.2, 1.0015)):
                phase = 2 * np.pi * hertz(note) * detune * span / SAMPLE_RATE
                tone = (np.sin(phase) + 0.25 * np.sin(2 * phase) + 0.08 * np.sin(3 * phase)) * envelope * 0.03
                add(i * length - fade / 2, tone, side, 1 - side)
    return np.clip(out, -0.98, 0.98)


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


FFMPEG = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y"]


def encode_video(path, crf):
    x264 = ("keyint=32:min-keyint=32:scenecut=0:open-gop=0:bframes=1:b-adapt=0:ref=3:aud=1:threads=1:"
            "lookahead-threads=1:colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv")
    encoder = subprocess.Popen(
        [*FFMPEG, "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE), "-i", "-",
         "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p",
         "-c:v", "libx264", "-profile:v", "high", "-level", "3.1", "-preset", "slower", "-crf", str(crf),
         "-x264-params", x264, "-bsf:v", "filter_units=remove_types=6", path], stdin=subprocess.PIPE)
    for picture in frames():
        encoder.stdin.write(picture.tobytes())
    encoder.stdin.close()
    if encoder.wait() != 0:
        sys.exit("ffmpeg could not encode the picture")


def encode_audio(folder):
    """One period of AAC, three times over, as ADTS."""
    pcm = (np.tile(melody(), (3, 1)) * 32767).round().astype("<i2")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((2, 2, SAMPLE_RATE, len(pcm), "NONE", ""))
        file.writeframes(pcm.tobytes())
    run(*FFMPEG, "-i", folder / "tone.wav", "-c:a", "aac", "-aac_coder", "fast", "-profile:a", "aac_low", "-b:a", "112k", "-f", "adts",
        folder / "long.aac")
    data, units, at = (folder / "long.aac").read_bytes(), [], 0
    while at < len(data):
        length = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        units.append(data[at:at + length])
        at += length
    # Unit 0 is the encoder's priming; unit n decodes to the samples from 1024 (n − 1) on.
    middle = units[1 + AAC_FRAMES:1 + 2 * AAC_FRAMES]
    (folder / "audio.aac").write_bytes(b"".join(middle) * 3)


def multiplex(folder):
    run(*FFMPEG, "-stream_loop", "2", "-i", folder / "video.mp4", "-i", folder / "audio.aac", "-map", "0:v", "-map", "1:a",
        "-c", "copy", "-f", "mpegts", "-muxdelay", "0.08", "-muxpreload", "0", "-pes_payload_size", "0",
        "-pat_period", "0.08", "-sdt_period", "1.28", "-pcr_period", "20", "-output_ts_offset", "10",
        "-metadata", "service_name=amt:// test card", "-metadata", "service_provider=amt-helper demo",
        folder / "long.ts")
    data = (folder / "long.ts").read_bytes()
    packets = [data[i:i + 188] for i in range(0, len(data), 188)]
    starts = [i for i, p in enumerate(packets) if pid(p) == 256 and p[1] & 0x40 and p[3] & 0x20 and p[4] and p[5] & 0x40]
    if len(starts) != 3 * TURNS:
        sys.exit(f"{len(starts)} random access points where {3 * TURNS} were to be")
    first, last = (with_tables(packets, starts[loop * TURNS]) for loop in (1, 2))
    CLIP.write_bytes(b"".join(packets[first:last]))


def with_tables(packets, start):
    while pid(packets[start - 1]) not in (256, 257):
        start -= 1
    return start


def pid(packet):
    return (packet[1] & 0x1F) << 8 | packet[2]


def check():
    """What the demo relies on, read back from the file by ffprobe and from the decoded pictures."""
    size = CLIP.stat().st_size
    assert size <= 2_500_000, size
    probe = json.loads(run("ffprobe", "-v", "error", "-show_packets", "-show_streams", "-of", "json", CLIP,
                           capture_output=True).stdout)
    video, audio = ([p for p in probe["packets"] if p["codec_type"] == kind] for kind in ("video", "audio"))
    assert (len(video), len(audio)) == (FRAMES, AAC_FRAMES), (len(video), len(audio))
    for stream, step in ((video, 3600), (audio, 1920)):
        dts = [int(p["dts"]) for p in stream]
        assert all(b - a == step for a, b in zip(dts, dts[1:])), "a step in DTS is not even"
    first = min(int(p["pts"]) for p in video)
    assert sorted((int(p["pts"]) - first) // 3600 for p in video) == list(range(FRAMES))
    assert [i for i, p in enumerate(video) if "K" in p["flags"]] == list(range(0, FRAMES, TURN))
    assert sum(p["pts"] != p["dts"] for p in video) > FRAMES // 2, "no reordering"
    assert all((int(p["pts"]) - first) % 1920 == 0 for p in audio), "sound and picture do not start together"

    data = CLIP.read_bytes()
    packets = [data[i:i + 188] for i in range(0, size, 188)]
    for what, wanted, most in ((lambda p: pid(p) == 0, "PAT", 0.1), (pcr, "PCR", 0.04)):
        clock, at, gaps = None, None, []
        for p in packets:
            clock = pcr(p) or clock
            if what(p):
                gaps += [clock - at] if at and clock else []
                at = clock
        assert max(gaps) / 27e6 <= most + 1e-9, (wanted, max(gaps) / 27e6)

    raw = run(*FFMPEG, "-i", CLIP, "-map", "0:v", "-vf", f"scale={WIDTH}:{HEIGHT}", "-f", "rawvideo", "-pix_fmt", "gray", "-",
              capture_output=True).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH)
    worst = 255
    for number, picture in enumerate(pictures):
        levels = [int(picture[STRIP // 2, i * CELL + CELL // 2]) for i in range(16)]
        threshold = (levels[0] + levels[1]) / 2
        cells = [int(level > threshold) for level in levels]
        worst = min(worst, *(abs(level - threshold) for level in levels))
        assert cells == strip_cells(number), (number, cells)
    assert len(pictures) == FRAMES
    sizes = [int(p["size"]) for p in video]
    print(f"{CLIP.name}: {size} bytes, {size * 8 / 20.48 / 1000:.0f} kbit/s; key frames {min(sizes[::TURN])}–{max(sizes[::TURN])} "
          f"bytes, others {min(sizes)}–{max(s for i, s in enumerate(sizes) if i % TURN)}; strip margin {worst:.0f}")


def pcr(p):
    if p[3] & 0x20 and p[4] and p[5] & 0x10:
        base, extension = struct.unpack(">IH", p[6:12])
        return (base << 1 | extension >> 15) * 300 + (extension & 0x1FF)
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--check", action="store_true", help="only check the clip that is there")
    options.add_argument("--still", type=int, help="write frame-N.png of the picture before compression, and stop")
    options.add_argument("--crf", type=float, default=18.5, help="quality of the picture; lower is better and larger")
    arguments = options.parse_args()
    if arguments.still is not None:
        for number, picture in enumerate(frames()):
            if number == arguments.still:
                picture.save(f"frame-{number}.png")
                return
    if not arguments.check:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            encode_video(folder / "video.mp4", arguments.crf)
            encode_audio(folder)
            multiplex(folder)
    check()


if __name__ == "__main__":
    main()
