"""Filters, block lists, and the way to the host. Rows of `channels.email.words`, a phrase on each line."""

from channels.email.reasons import Reason

# fmt: off
ROWS: tuple[tuple[Reason, str], ...] = (
    # The sender's address on the net.
    (Reason.SPAM_DETECTED, r"""
        \bspam(?:my)?\b(?!haus|cop)(?!.{0,40}(?:block|list|ip address))(?<!ip for )
        junk
        unsolicited
        \bube\b
        \buce\b
        bulk (?:e-?)?mail
        mail rejete
        spam(?:ming|assassin| score| content| message)
        scored as
        identified as spam
        advertisement
        phish
        blocked .{0,30}(?:message|mail) content
    """),
    (Reason.BLOCKED, r"""
        client host
        black-?\s?list
        block-?\s?list
        deny-?\s?list
        spamhaus
        spamcop
        barracuda
        \bsorbs\b
        cloudmark
        blocked (?:using|by|for|from|due|ip|-|because|mail)
        ^[^a-z]*blocked
        (?:envelope|connection|server) blocked
        (?:invalid|your|source|sending|client) ip\b
        (?:block|bann)ed .{0,30}(?:\bip|host|address|server|network|list|sender|sending)
        (?:host|server|connection|network|client)s? .{0,40}(?:blocked|banned|denied)
        (?:host|server|connection|network|client)s? .{0,40}(?:refused|rejected|prohibited|not allowed)
        (?:rejected|refused|denied) .{0,20}(?:connection|host\b)
        bloqu[eé]e?
        service refuse
        (?:helo|ehlo) (?:command |name |argument )?.{0,20}(?:reject|invalid|refus|not )
        no(?:t)? access from
        access from ip
        tenant has exceeded
        delist
        removal from (?:this|the) list
        ask your postmaster
        spam
    """),
    (Reason.SECURITY_ERROR, r"""
        unauthenticated
        authentication (?:is )?(?:required|turned|failed|credentials)
        (?:not|was not|wasn.t) authenticated
        authrequired
        must (?:first )?(?:authenticate|issue a starttls)
        credentials
        access denied \(state
        \btls\b
        starttls
        encryption
        certificate
        security(?! polic)
        insecure
        not authori[sz]ed
        permission denied
        login
        sasl
        suspicious
        you are not allowed
        anonymous (?:mail|connection|access)
    """),
    (Reason.POLICY_VIOLATION, r"""
        polic(?:y|ies)
        header error
        \bviolat(?:e|ion)
        richtlinie
        politique
        pol[ií]tica
        политик
        restricted (?:by|att)
        ^\W*restricted\W*$
        spoofing
        \bpol-p\d\b
        content examination
    """),
    # It never got there.
    (Reason.NETWORK_ERROR, r"""
        hop count
        too many hops
        (?:mail|routing|forwarding|message) ?loop
        loops? back
        looping
        delivered-to line
        hops exceeded
        too many received
        network (?:is )?unreachable
        no route to host
        unable to resolve route
        malformed or unexpected
        malformed (?:dns|name)
        address family
        host not found,? try again
        host ?name lookup (?:failure|timed)
        (?:dns|name ?server|mx|domain name|name service) (?:lookup |query |resolution |error )?(?:time|temporar)
        (?:temporary|transient) .{0,30}(?:dns|resolution|name ?server|resolv)
        name service error .{0,80}try again
        name service error for [^:]{0,200}: (?!host not found|name service error)
        servfail
        (?:dns|name ?server) (?:lookup|query|resolution) .{0,80}(?:timed|temporar)
    """),
    (Reason.NOT_ACCEPT, r"""
        (?:host|domain)s? (?:does|do|did)(?: ?n.t| not|es not) (?:accept|receive) (?:any |inbound )?(?:e-?)?mail
        (?:server|system|recipient)s? (?:does|do|did)(?: ?n.t| not|es not) (?:accept|receive) (?:any )?(?:e-?)?mail
        null ?mx
        accepts? no (?:e-?)?mail
        no smtp service
        (?:does|do|will)(?: not| ?n.t) (?:send or receive|receive or send|handle|process) (?:any )?(?:e-?)?mail
        not accepting (?:network |any )?(?:messages|e-?mails?)
        does not accept mail
        doesn.t (?:accept|receive) mail
        find a mail exchanger
        no mail exchanger
        no mail (?:service|server) (?:here|at|for|on)
        no (?:valid |usable )?mx (?:record|host|found|entr|exists)
        not a mail exchanger
        (?:configured|set up) to (?:accept|receive) (?:any )?(?:e-?)?mail
        could not retrieve source address
        mail server (?:is )?not configured
    """),
    (Reason.HOST_UNKNOWN, r"""
        (?:host|domain|server|system)(?: ?name)? ?(?:@ )?(?:is |was )?(?:unknown|not found|invalid|does ?n.t exist)
        (?:host|domain|server|system)(?: ?name)? ?(?:@ )?(?:is |was )?(?:does not exist|not exist)
        (?:host|domain|server|system)(?: ?name)? ?(?:@ )?(?:is |was )?(?:non-?existent|doesn.t exist)
        (?:unknown|no such|invalid|illegal|bad|non-?existent) (?:host|domain)
        (?:unknown|no such|invalid|illegal|bad|non-?existent) (?:destination (?:host|system|domain)|system address)
        non-?existent (?:host|domain|hosts)
        unroute?able
        no route found to domain
        nxdomain
        infodomainnonexistent
        host [^ ]{1,120} (?:is )?(?:not found|unknown)
        name (?:or )?service not known
        name service error .{0,60}host not found
        domain name (?:is |was )?(?:not found|invalid|not valid)
        domain @? ?(?:is )?not (?:found|exist|valid)
        (?:find|locate|resolve) (?:any )?(?:host|domain|the (?:host|domain|recipient domain|recipient'?s domain))
        (?:find|locate|resolve) (?:an? |any |the )?(?:mail ?server|ip address|address record|dns record)s? (?:for|of)\b
        host address lookups failed permanently
        mx (?:records|host).{0,40}(?:non-?existent|invalid)
        domain .{0,60}does(?:n.t| not) exist
        domain .{0,40}(?:could|can) ?(?:n.t|not) be (?:found|resolved)
        no (?:such|valid) (?:mail )?(?:domain|host)
        domain unbekannt
        no answer from dns
        bad destination (?:mailbox )?(?:system|host)
        no (?:dns|a|a or mx|mx or a) records?
        unregistered domain
    """),
)
# fmt: on
