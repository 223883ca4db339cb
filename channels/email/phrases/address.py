"""The address itself, and servers in trouble. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    # The address itself.
    (Reason.FILTERED, r"""
        other mail system problem
        mail system problem
    """),
    (Reason.USER_UNKNOWN, r"""
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?unknown
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?invalid
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not found
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?known
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?valid
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?recogni[sz]ed
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?listed
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?registered
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?local
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?exist
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?defined
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?not (?:a )?here
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?non-?existent
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?undeliverable
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?deleted
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?(?:unlisted|removed)
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?unrecogni[sz]ed
        <who>[^a-z@]{0,4}(?:@ ?)?[^a-z]{0,4}(?:is |was |were |are |has been |address )?(?:an? )?(?:incorrect|not in)
        unknown (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        invalid (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        no such (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        non-?existent (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        unrecogni[sz]ed (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        undefined (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        illegal (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        no valid (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        incorrect (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        undeliverable (?:or \w{1,12} )?(?:local |remote |virtual |(?:final )?delivery |smtp |e?-?mail )?<who>
        <who> <near>(?:does|do|did)(?: not|n.t|es not) (?:currently )?(?:exist|have|match)
        <who> <near>(?:could|can|can)(?: ?not|n.t) be (?:found|resolved|located)
        <who> <near>not (?:found|listed|known|exist|be found)
        (?:does|do|did)(?: ?not|n.t) (?:exist|have an? .{0,60}(?:account|mailbox))\b
        \bnot exists?\b
        no such (?:person|name|alias)
        no longer (?:exists?|valid|in use|employed|works|with|active|have|at|accept)
        does not have an? .{0,40}(?:account|mailbox)
        no (?:mailbox|user|account|recipient|one|person|such)s? (?:found|here|by that name)
        no (?:mailbox|user|account|recipient|one|person|such)s? (?:with that|available for|matching|of that)
        not (?:a )?(?:known|valid|local) (?:user|recipient|mailbox|address|account)
        not our customer
        unknown (?:local|virtual)
        not (?:listed|found|known) in
        recip(?:ient)?notfound
        (?:unable|failed|could not|cannot|couldn.t) (?:to )?find (?:a |the )?(?:recipient|user|mailbox|address)
        bad destination mailbox
        resolver\.adr\.
        not a (?:known|valid)
        address unknown
        (?:empf[äa]nger|adresse|postfach)[^a-z]{0,4}.{0,30}(?:unbekannt|existiert nicht|nicht bekannt)
        (?:benutzer|konto|mailbox|account)[^a-z]{0,4}.{0,30}(?:unbekannt|existiert nicht|nicht bekannt)
        (?:empf[äa]nger|adresse|postfach)[^a-z]{0,4}.{0,30}(?:nicht gefunden|nicht vorhanden|ung[üu]ltig)
        (?:benutzer|konto|mailbox|account)[^a-z]{0,4}.{0,30}(?:nicht gefunden|nicht vorhanden|ung[üu]ltig)
        unbekannter? (?:empf|benutzer|adress)
        (?:adresse|utilisateur) .{0,40}(?:invalide|inconnue?s?|inexistante?s?|n.existe pas)
        (?:destinataire|bo[iî]te|compte) .{0,40}(?:invalide|inconnue?s?|inexistante?s?|n.existe pas)
        adresse d au moins un destinataire invalide
        (?:usuario|destinatario|buz[oó]n|cuenta|direcci[oó]n) .{0,30}(?:desconocid|no existe)
        (?:usuario|destinatario|buz[oó]n|cuenta|direcci[oó]n) .{0,30}(?:inexistente|inv[aá]lid|no encontrad)
        utente sconosciuto
        indirizzo .{0,20}(?:inesistente|sconosciuto)
        usu[aá]rio .{0,20}(?:desconhecido|n[ãa]o existe)
        (?:宛先|アドレス|ユーザー?|メールボックス).{0,30}(?:存在しません|存在しない|見つかりません|不明|ありません)
        用户不存在
        收件人.{0,10}不存在
        无此用户
        пользовател.{0,20}не (?:найден|существует)
        ящик .{0,20}не (?:найден|существует)
    """),
    (Reason.FILTERED, r"""
        filtered
        recipient preferences
        user rules
        refused by (?:the )?(?:recipient|user)
        only accepting mail
    """),
    # Servers in trouble.
    (Reason.CONTENT_ERROR, r"""
        content (?:reject|filter|not|type)
        media error
        message content
        headers? too large
        improper use of 8-?bit
        mime
        attachment
        non-?ascii
        format error
        malformed (?:message|mail|header)
        too many bad
    """),
    (Reason.SYNTAX_ERROR, r"""
        syntax
        parameter not implemented
        command (?:not|unrecogni)
        malformed address
        unrecogni[sz]ed command
    """),
    (Reason.EXPIRED, r"""
        expired
        timed? ?out
        time-?out
        giving up
        gave up
        in the queue too long
        connection (?:refused|reset|timed|lost|dropped)
        could not (?:be delivered|deliver) for
        delivery (?:attempts?|failed \d)
        failed \d+ attempts
        socket error
        will be retried
        has been delayed
        delayed
        not accept our requests
        unable to connect
        retry time
        no(?:t)? respon
        still undelivered
        max(?:imum)? retr
        undelivered after
        queued too long
        too old
        not delivered within
        verz[öo]gert
        could not connect
        temporarily deferred
    """),
    (Reason.MAILER_ERROR, r"""
        \bpipe to\b
        mailer error
        local delivery
        command (?:died|failed|output)
        x-unix
        procmail
        exit (?:status|code)
        generated during the delivery
        temporary failure
        return code
    """),
    (Reason.SYSTEM_ERROR, r"""
        system error
        internal (?:error|server)
        local (?:error|configuration)
        config(?:uration)? (?:error|problem)
        ldap
        service (?:is )?(?:currently )?(?:unavailable|not available)
        database
        can.?t create
        i/?o error
        out of memory
        overload
        resources temporarily
        insufficient system
        server (?:error|failure|busy)
        duplicated message-id
        system not
    """),
    (Reason.SPEEDING, r"""
        \brate\b
        throttl
        too (?:many|fast|frequent)
        slow down
    """),
    (Reason.REJECTED, r"""
        access denied
        (?:message|mail|address|recipient)s? (?:was |is |has been )?(?:refused|rejected|denied|discarded)
        (?:content|delivery|transaction|email)s? (?:was |is |has been )?(?:refused|rejected|denied|discarded)
        \b(?:rejected|refused|denied|prohibited|not accepted|not permitted)\b
        administratively
    """),
    (Reason.BLOCKED, r"""
        \bblocked\b
        \bbanned\b
    """),
)
# fmt: on
