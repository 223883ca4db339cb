"""Headers of the public pages, and of the mail frame inside them, which trusts nothing that it shows."""

from api import pages

PUBLIC = {
    **pages.HEADERS,
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


def mail(*, images: bool) -> dict[str, str]:
    """Return the headers of a mail frame: no script, no form, no origin; foreign pictures only when asked for."""
    sources = "'self' data: https:" if images else "'self' data:"
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src {sources}; sandbox allow-popups; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
    }
