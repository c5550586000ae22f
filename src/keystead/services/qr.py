"""QR codes, for people to scan."""

from __future__ import annotations

import base64
import io

import segno


def qr_png(text: str, size: int) -> str:
    """A text as a QR code (ISO/IEC 18004), PNG in Base64; at most ``size`` pixels wide, as far
    as the text allows. Empty for a size of 0."""
    if size <= 0:
        return ""
    code = segno.make(text, error="m", micro=False)
    image = io.BytesIO()
    code.save(image, kind="png", scale=max(1, size // code.symbol_size()[0]))
    return base64.b64encode(image.getvalue()).decode()
