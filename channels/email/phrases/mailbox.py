"""The mailbox that is there, and what it does not want. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    (Reason.MAILER_ERROR, r"""
        \bpipe to \|
    """),
    # EX_NOUSER of sysexits.h, by which a local delivery agent says that nobody is there.
    (Reason.USER_UNKNOWN, r"""
        (?:status|exit code|return code|error code) 67\b
    """),
    # The mailbox is there.
    (Reason.MAILBOX_FULL, r"""
        \b(?:mail ?box|in-?box|account|user|recipient)(?:'s)? .{0,30}(?:size|storage|disk|space) (?:limit|quota)
        \b(?:mail ?box|in-?box|account|user|recipient)(?:'s)? .{0,40}\b(?:over|exceed(?:s|ed|ing)?) .{0,30}quota
        (?:user|recipient|mail ?box|account) .{0,30}exhausted
        (?:allotted|allocated|assigned) (?:disk |storage |mail )?(?:space|storage|quota)
        too many messages (?:on|in) (?:the |this |your |his )?(?:server|mail ?box|in-?box|folder)
    """),
    (Reason.MESG_TOO_BIG, r"""
        (?:message|mail|size|body|attachment|file)s? .{0,40}(?:too (?:big|large)|exceed(?:s|ed|ing)? .{0,30}size)
        size (?:limit )?exceed
        size exceeds
        exceed(?:s|ed)? .{0,30}(?:message|maximum|fixed|max) .{0,12}size
        (?:maximum|max\.?) (?:allowed )?(?:message|mail|e-?mail) size
        too (?:big|large) (?:message|mail)
        message (?:is )?too (?:big|large|long)
        message-?size
        message file too big
        (?:larger|bigger|greater) than .{0,40}(?:limit|allowed|maximum|size)
        databytes limit
        message size exceeds
        zu gro(?:ß|ss)
        trop (?:gros|volumineu|grand)
        demasiado grande
        muito grande
        troppo grande
        te groot
        слишком больш
        过大
        大きすぎ
    """),
    (Reason.EXCEED_LIMIT, r"""
        (?:message )?length exceeds
        message too long
        exceeds? .{0,20}limit set by
        number of recipients
        too many recipients
        reciplimit
        recipsizelimit
    """),
    (Reason.SYSTEM_FULL, r"""
        (?:insufficient|not enough|no) (?:system )?(?:disk|queue|system) (?:storage|space)
        mail system full
        disk (?:is )?full
        no space left
        system storage
    """),
    (Reason.BLOCKED, r"""
        (?:daily|hourly|sending|relay|outbound|connection) (?:relay |message |sending )?(?:quota|limit)
        \bip\b.{0,40}(?:block|banned|blacklist|reject|denied|refus|not allowed|listed)
        \brbl\b
        dns ?bl
        adresse ip.{0,40}(?:bloqu|gesperrt|refus)
        block(?:ed|ing)? .{0,20}\bip\b
    """),
    (Reason.MAILBOX_FULL, r"""
        \b(?:is|mail ?box|in-?box|box|account|folder|maildir|message store) (?:(?:is|was) )?(?:too |over)?full\b
        over ?-?(?:the |its |his |their )?(?:disk |storage |maximum |allowed |mail |mail ?box )?(?:quota|storage limit)
        quota (?:exceeded|violation|full|overflow|is over|limit|reached)
        exceed(?:s|ed|ing)? .{0,40}(?:quota|storage|allocation|allotment|capacity)
        exceeded storage
        \bquota\b
        over.{0,3}quota
        (?:insufficient|not enough|no|out of|lacks|without) .{0,20}(?:storage|space)
        too much mail
        exceeded .{0,20}mailbox
        full mailbox
        mailbox (?:size|limit|has exceeded|exceeds|over)
        storage (?:limit|exceeded|full)
        (?:no|insufficient) (?:room|capacity)
        speicherplatz
        bo[iî]te .{0,40}pleine
        buz[oó]n .{0,20}lleno
        cuota
        caixa .{0,20}cheia
        casella .{0,20}piena
        容量
        いっぱい
        満杯
        邮箱.{0,6}满
        переполнен
    """),
    (Reason.HAS_MOVED, r"""
        (?:has|have) (?:been )?moved
        (?:user|recipient|mailbox|account|customer) (?:is )?moved
        has been (?:replaced|renamed|changed) (?:by|to)
        has changed (?:his|her|their|its|the)? ?(?:e-?mail)? ?address
        no longer on (?:the |this )?server
        forwarding address
        (?:please )?try @
        umgezogen
        (?:has|have) a new (?:e-?mail )?address
        new (?:e-?mail )?address (?:is|for)
        neue (?:e-?mail-?)?adresse
        nouvelle adresse
        nueva direcci[oó]n
        owner (?:of the mailbox )?has changed
    """),
    (Reason.USER_UNKNOWN, r"""
        (?:inactive|deactivated) (?:e-?mail )?address
        address (?:is )?no longer
        (?:mailbox|account|user|address) (?:has been |is |was )?(?:permanently )?(?:deleted|removed|cancell?ed)
        (?:mailbox|account|user) (?:is )?permanently (?:closed|disabled)
    """),
    (Reason.SUSPEND, r"""
        <who> <near>(?:disabled|inactive|suspended|deactivated|discontinued|frozen|locked|blocked|expired)\b
        <who> <near>(?:terminated|on hold|unavailable at|not active|closed|dormant|hibernat|quarantin|stopped)
        (?:disabled|inactive|suspended|deactivated|frozen|locked|expired|blocked|dormant|terminated|closed) <who>
        accountdisabled
        userdisabled
        mailbox(?:is)?disabled
        boite .{0,20}bloqu
        compte .{0,40}(?:bloqu|suspendu|d[eé]sactiv)
        account .{0,20}not active
        extended inactivity
        (?:has not|hasn.t|not) logged in
        domain .{0,20}(?:suspended|deactivated|expired)
        temporar(?:y|ily) (?:disabled|suspended|locked|blocked|deactivated)
    """),
)
# fmt: on
