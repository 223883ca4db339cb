"""The mailbox that is there, and what it does not want. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    # The mailbox is there.
    (Reason.MESG_TOO_BIG, r"""
        (?:message|mail|size|body|attachment|file)s? .{0,40}(?:too (?:big|large)|exceed(?:s|ed|ing)? .{0,30}size)
        size (?:limit )?exceed
        exceed(?:s|ed)? .{0,30}(?:message|maximum|fixed|max) .{0,12}size
        maximum message size
        too (?:big|large) (?:message|mail)
        message (?:is )?too (?:big|large|long)
        message-?size
        message file too big
    """),
    (Reason.EXCEED_LIMIT, r"""
        (?:message )?length exceeds
        message too long
        exceeds? .{0,20}limit set by
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
    """),
    (Reason.MAILBOX_FULL, r"""
        \b(?:is|mail ?box|inbox|box|account|folder|maildir|message store) (?:is |was |are )?(?:too |over)?full\b
        over ?(?:the )?(?:disk |storage |maximum |allowed |mail )?quota
        quota (?:exceeded|violation|full|overflow)
        exceed(?:s|ed|ing)? .{0,40}(?:quota|storage|allocation|allotment)
        \bquota\b
        (?:insufficient|not enough|no) .{0,20}(?:storage|space)
        too much mail
        exceeded .{0,20}mailbox
        full mailbox
        mailbox (?:size|limit|has exceeded|exceeds)
        (?:out of|lacks) (?:disk |storage )space
        storage (?:limit|exceeded)
        postfach .{0,20}voll
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
        (?:has|have) moved
        (?:user|recipient|mailbox|account) moved
        has been (?:replaced|renamed) (?:by|to)
        no longer on (?:the |this )?server
        forwarding address
        please try @
        umgezogen
        new (?:e-?mail )?address is
    """),
    (Reason.USER_UNKNOWN, r"""
        (?:inactive|deactivated) (?:e-?mail )?address
        address (?:is )?no longer
    """),
    (Reason.SUSPEND, r"""
        <who> <near>(?:disabled|inactive|suspended|deactivated|discontinued|frozen|locked|blocked|expired)\b
        <who> <near>(?:terminated|on hold|unavailable at|not active|closed)\b
        (?:disabled|inactive|suspended|deactivated|frozen|locked|expired|blocked) <who>
        boite .{0,20}bloqu
        compte .{0,40}(?:bloqu|suspendu|d[eé]sactiv)
        (?:konto|postfach) .{0,30}(?:gesperrt|deaktiviert)
        cuenta .{0,30}(?:bloqueada|suspendida|desactivada)
        停止
        account .{0,20}not active
        extended inactivity
        domain .{0,20}(?:suspended|deactivated)
    """),
)
# fmt: on
