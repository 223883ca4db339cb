"""Who may send, with which proof and how fast. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    # Exim's generic text where the far side gave no reason.
    (Reason.HOST_UNKNOWN, r"""
        (?:user|account|mailbox|address|recipient) or (?:the )?domain (?:may|might|does) not exist
    """),
    # Exchange Online's directory based edge blocking: the address is not in the directory.
    (Reason.USER_UNKNOWN, r"""
        ^(?:\S{1,80} )?recipient address rejected: access denied
    """),
    (Reason.EXPIRED, r"""
        message expired
        queue\.expired
        delivery time expired
        socket error code
        (?:connect(?:ion|ed)?|connecting) to .{0,120}(?:refused|timed? ?out|reset)
        (?:cannot|can't|could not|couldn't|unable to|failed to|wasn't able to) (?:connect|establish)
    """),
    # Exchange: a mailbox or a list that only takes mail from some.
    (Reason.REJECTED, r"""
        resolver\.rst\.(?:sender|notauthori|recipientauth|deliveryrestr)
    """),
    (Reason.ON_HOLD, r"""
        gr[ea]y-?\s?list
    """),
    # Who may send, and how it proves that.
    (Reason.AUTH_FAILURE, r"""
        \bdmarc\b
        \bspf\b
        \bdkim\b
        \bdomainkeys\b
        sender policy framework
        unauthenticated (?:e-?mail|message)
        (?:sender|message|e-?mail|domain) (?:is |was |were )?(?:not authenticated|unauthenticated)
        sender ?id\b.{0,30}fail
        email not accepted .{0,20}authenticat
        authentication (?:checks?|information|level|requirements?|results?)
        unauthori[sz]ed sender address
        (?:pas|non|nicht|no|n[aã]o) .{0,8}(?:authentifi|authentisi|autenti)
    """),
    (Reason.REQUIRE_PTR, r"""
        reverse dns
        \br ?dns\b
        \bptr\b
        reverse.{0,3}(?:hostname|address|lookup|mapping|ip|name|record|entry|resolution)
        no reverse
        resolve your ip
        (?:cannot|can't|could not|unable to) (?:find|resolve|verify) your (?:client )?(?:host ?name|reverse|ip)
        fcrdns
        forward.confirmed
        (?:ip )?name lookup failed for
        dynamic/generic
    """),
    (Reason.NOT_COMPLIANT_RFC, r"""
        not rfc.{0,3}\d* ?compliant
        rfc ?-?[0-9]{3,4} (?:compliant|compliance|violation|spec)
        (?:violat|not conform|does not (?:comply|conform)|not in compliance).{0,30}\brfc\b
        not compliant with rfc
        multiple (?:addresses in|subject|from|sender|header)
        duplicate header
        missing (?:mandatory |required |a valid )?(?:header|from|date|message-?id|address in)
        (?:header|headers) .{0,20}(?:is|are) (?:missing|required|invalid)
        non-?rfc
    """),
    (Reason.BAD_REPUTATION, r"""
        reputation
        user complaints
        senderscore
        sender ?base
        due to (?:poor|low)
        excessive (?:volume|complaints)
        unexpected volume
    """),
    (Reason.TOO_MANY_CONN, r"""
        too many (?:concurrent |simultaneous |smtp |open |parallel )?(?:connections?|sessions?)
        connection (?:rate |frequency )
        (?:concurrent|maximum|simultaneous|parallel) (?:number of )?(?:smtp )?(?:connections?|sessions?)
        connection limit
        frequency (?:is )?limited
        connect(?:ing|s)? too (?:often|frequent)
        trop de connexions
        zu viele verbindungen
        demasiadas conexiones
    """),
    (Reason.SPEEDING, r"""
        receiv(?:e|es|ing) (?:e?-?mails?|messages?) (?:too|at a)
        mail (?:is|at) too (?:quickly|fast)
        please try again slower
        rate that
        unusual rate
        (?:thread|outbound|sending) (?:thread )?limit
        \brate[- ]?limit
        (?:exceeded|reached) .{0,40}(?:per (?:hour|minute|day|second)|daily limit|hourly limit|rate)
        (?:max(?:imum)?|too many) (?:e-?mails?|messages|deliveries|mails) (?:per|in|from|sent)
        mails? per (?:hour|minute|day)
        slow(?:ing)? down
    """),
    (Reason.VIRUS_DETECTED, r"""
        virus
        malware
        trojan
        infected
        worm detected
        \beicar\b
        potential(?:ly)? (?:security|dangerous|harmful|malicious)
        message contains a dangerous
        malicious
        вирус
        ウイルス
        病毒
    """),
    # The sender's address or domain: words about existence that do not mean the recipient.
    (Reason.REJECTED, r"""
        sender (?:e-?mail )?(?:user|address|domain|verif|host|not |reject|denied|refused|unknown|does|is |@ )
        sender'?s? (?:e-?mail )?(?:address|domain|host)
        (?:invalid|unknown|bad|unverified|unroutable|unrouteable|forged|fake|banned|blocked|blacklisted) sender
        domain of (?:the )?sender
        (?:address|domain) of (?:the |your )?sender
        sending (?:e-?mail )?(?:address|domain)
        sendernot
        not in the allowed senders
        (?:envelope|return) ?(?:from|path|sender)
        bad ?mail ?from
        \bdns-p[12]\b
        null sender
        (?:could not|cannot|can't|unable to|failed to) verify (?:the )?(?:sender|address|return)
        verification failed for
        (?:verify(?:ing)?|verification of) (?:the |your )?sender
        sender verif
        no valid sender
        mail from(?: domain)? (?:must|is|does|has|address)
        \bfrom(?: header)? (?:address|domain|field)
        (?:your|the) (?:e-?mail |from )(?:address|domain) (?:is |has been |was )?(?:not allowed|block|black|bann|reject)
        (?:your) domain
        bad address sender
        not accept(?:ed|ing)? (?:e-?)?mails? from
        do(?:es)?(?: not| ?n.t) accept (?:any )?(?:e-?)?mails? from
        group .{0,60}may not exist
        (?:permission|allowed|permitted|authori[sz]ed) to (?:post|send (?:to|e?-?mail|messages))
        only (?:members|subscribers)
        not (?:a )?(?:member|subscriber)s? of
        \bgruppe\b .{0,90}nicht vorhanden
        berechtigung.{0,40} posten
        el grupo .{0,90}no exista
        le groupe .{0,90}existe
        o grupo .{0,90}n[aã]o exist
        il gruppo .{0,90}non esist
        de groep .{0,90}niet best
        групп.{0,90}не (?:найден|сущ)
        груп.{0,90}не існу
        群組.{0,60}不存在
        群组.{0,60}不存在
        groups\.google
        グループ.{0,60}(?:存在|権限)
        그룹.{0,60}(?:존재|권한)
        oprávnění
    """),
    (Reason.NO_RELAYING, r"""
        relay(?:ing)? (?:access )?(?:is |was )?(?:denied|not|prohibited|restriction|refused|disabled|forbidden)
        (?:unable|not allowed|not permitted|won.t|cannot|can't|refuse[ds]?|permitted|not able) to relay
        (?:do|does|will|did)(?: not| ?n.t) relay
        no relay
        relay not
        not a gateway
        rcpthosts
        open relay
        that domain isn.t
        not (?:a )?local (?:domain|host)
        (?:domain|host) (?:is )?not (?:hosted|handled|served|local)
        use (?:the |your )?(?:smtp|mail|outgoing) ?(?:server|relay|gateway) of your
        relay (?:attempt|operation|rejected|for)
    """),
)
# fmt: on
