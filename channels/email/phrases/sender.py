"""Who may send, with which proof and how fast. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    (Reason.HOST_UNKNOWN, r"""
        domain may not exist
    """),
    # Exchange Online's directory based edge blocking: the address is not in the directory.
    (Reason.USER_UNKNOWN, r"""
        ^(?:\S{1,80} )?recipient address rejected: access denied
    """),
    (Reason.EXPIRED, r"""
        message expired
        queue\.expired
        delivery time expired
        retry timeout exceeded
    """),
    # Who may send, and how it proves that.
    (Reason.AUTH_FAILURE, r"""
        \bdmarc\b
        \bspf\b
        \bdkim\b
        sender policy framework
        unauthenticated (?:e-?mail|message)
        sender ?id\b.{0,30}fail
        email not accepted .{0,20}authenticat
    """),
    (Reason.REQUIRE_PTR, r"""
        reverse dns
        \br ?dns\b
        \bptr\b
        reverse (?:hostname|address|lookup|mapping|ip)
        no reverse
        resolve your ip
        cannot (?:find|resolve) your (?:host ?name|reverse)
        fcrdns
        (?:ip )?name lookup failed for
        dynamic/generic
    """),
    (Reason.NOT_COMPLIANT_RFC, r"""
        not rfc ?\d* ?compliant
        rfc ?[0-9]{3,4} (?:compliant|violation|spec)
        not compliant with rfc
        multiple (?:addresses in|subject|from)
        duplicate header
        missing (?:mandatory )?header
        non-?rfc
    """),
    (Reason.BAD_REPUTATION, r"""
        reputation
        user complaints
        senderscore
        sender ?base
        due to (?:poor|low)
    """),
    (Reason.SPEEDING, r"""
        receiving mail at a rate
        mail (?:is|at) too (?:quickly|fast)
        please try again slower
        rate that
    """),
    (Reason.TOO_MANY_CONN, r"""
        too many (?:concurrent |simultaneous |smtp |open )?(?:connections|sessions)
        connection (?:rate |frequency )
        (?:concurrent|maximum) connections
        connection limit
        connect(?:ing|s)? too (?:often|frequent)
    """),
    (Reason.VIRUS_DETECTED, r"""
        virus
        malware
        trojan
        infected
        worm detected
        message contains a dangerous
    """),
    # The sender's address or domain: words about existence that do not mean the recipient.
    (Reason.REJECTED, r"""
        sender (?:e-?mail )?(?:user|address|domain|verif|not |reject|denied|refused|unknown|does|@ )
        sender'?s? (?:address|domain|host)
        (?:invalid|unknown|bad|unverified|unroutable|unrouteable|forged|fake) sender
        domain of sender
        sending (?:address|domain)
        (?:envelope|return) ?(?:from|path|sender)
        (?:could not|cannot|can't|unable to|failed to) verify (?:the )?(?:sender|address|return)
        verification failed for
        no valid sender
        mail from(?: domain)? (?:must|is|does|has)
        from address
        bad address sender
        not accept(?:ed|ing)? mail from
        do(?:es)? ?n.t accept (?:e-?)?mails? from
        group .{0,60}may not exist
        permission to post
        only (?:members|subscribers)
        \bgruppe\b .{0,90}nicht vorhanden
        berechtigung.{0,40} posten
        el grupo .{0,90}no exista
        le groupe .{0,90}existe
        groups\.google
        グループ.{0,60}(?:存在|権限)
        oprávnění
    """),
    (Reason.NO_RELAYING, r"""
        relay(?:ing)? (?:access )?(?:is |was )?(?:denied|not|prohibited|restriction|refused)
        (?:unable|not allowed|won.t|cannot|refuse[ds]?|permitted) to relay
        no relay
        relay not
        not a gateway
        rcpthosts
        open relay
        that domain isn.t
    """),
)
# fmt: on
