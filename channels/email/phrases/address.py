"""The address itself, and servers in trouble. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    # The address itself.
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
        <who> <near>(?<!may )(?<!might )(?<!could )(?<!probably )(?<!possibly )not (?:found|listed|known|exist|be found)
        (?:does|do|did)(?: ?not|n.t) (?:exist|have an? .{0,60}(?:account|mailbox))\b
        does no exists?
        not (?:a )?(?:user|mail ?box|recipient|customer) (?:of|on|at)\b
        (?<!may )(?<!might )(?<!could )(?<!probably )(?<!possibly )\bnot exists?\b
        no such (?:person|name|alias)
        no longer (?:exists?|valid|in use|employed|works|with|active|have|at|accept)
        does not have an? .{0,40}(?:account|mailbox)
        no (?:mailbox|user|account|recipient|one|person|such)s? (?:found|here|by that name)
        no (?:mailbox|user|account|recipient|one|person|such)s? (?:with that|available for|matching|of that)
        not (?:a )?(?:known|valid|local) (?:user|recipient|mailbox|address|account)
        not (?:our|an?) (?:customer|subscriber|user|mail ?box)
        (?:is ?n.t|not) (?:in|on|part of) (?:our|the|this|any) (?:records?|director|database|user list|list of)
        (?:nobody|no one|no-one) .{0,30}(?:name|address)
        no(?: such)? (?:[a-z]{3,12} ){1,3}(?:by|with|of) (?:that|this) (?:user ?|mailbox ?|account ?)?name
        no matching (?:<who>)
        not match any (?:<who>)
        (?:we|server|system) (?:do|does)(?: not|n.t) have (?:a |an |any |this |that |such )*<who>
        bad (?:recipient|rcpt|mail ?box|user|destination (?:mail ?box|address))
        wrong (?:recipient|user|mail ?box|e-?mail address|address)
        (?:mis-?typed|mis-?spell?ed|misspelt) (?:<who>)
        <who> <near>(?:has |have )?(?:left|gone|ceased to exist|never existed)\b
        <who> <near>not (?:on|at|hosted|handled|served|configured|available|recogni[sz]ed|provisioned|deliverable)
        (?:unknown|not known) (?:to|at|on|by|here)\b
        no mail ?drop
        dead (?:<who>)
        does(?: not|n.t) live here
        don.?t exists? (?:that )?<who>
        <who> (?:[a-z]{1,8} ){0,2}(?:doesnt|dont|not) exists?
        <who> .{0,20}\bno exists?\b
        \b(?:rcp|int)-p[134]\b
        (?:check|verify) (?:the )?(?:spelling|address) .{0,60}(?:not found|does ?n.t exist|does not exist)
        unknown (?:local|virtual)
        not (?:listed|found|known) in (?!.{0,12}(?:dns|header|spf|rdns|zone))
        recip(?:ient)?notfound
        (?:unable|failed|could not|cannot|couldn.t|can.t) (?:to )?(?:find|locate) (?:(?:an?|the|this|that|any) )?<who>
        bad destination mailbox
        resolver\.adr\.(?:ex)?(?:recip(?:ient)?notfound|invalidin)
        not a (?:known|valid|recogni[sz]ed)\b(?!.{0,24}(?:host|domain|helo|command|\bip\b|\bmx\b|certificate|header))
        address unknown
    """),
    (Reason.FILTERED, r"""
        filtered
        recipient preferences
        (?:mail ?box|inbox|recipient) rules?
        \brcp-p2\b
        user rules
        refused by (?:the )?(?:recipient|user)
        only accepting mail
    """),
    # Servers in trouble.
    (Reason.CONTENT_ERROR, r"""
        \bmsg-p\d\b
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
        already specified
        bad sequence
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
        lost connection
        come back later
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
        not (?:be )?delivered within
        delivered (?:with)?in \d+ (?:days?|hours?|minutes?)
        \brcp-t\d
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
        administrativ
        access deny
        verification (?:problem|failed|error)
    """),
    (Reason.BLOCKED, r"""
        \bblocked\b
        \bbanned\b
    """),
)
# fmt: on
