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
    """),
    (Reason.BLOCKED, r"""
        client host
        black-?\s?list
        block-?\s?list
        \brbl\b
        dns ?bl
        spamhaus
        spamcop
        barracuda
        \bsorbs\b
        blocked (?:using|by|for|from|due|ip|-|because)
        ^[^a-z]*blocked
        \bip (?:address )?.{0,40}(?:block|banned|reject|denied|refus|not allowed)
        (?:invalid|your|source|sending|client) ip\b
        (?:block|bann)ed .{0,30}(?:\bip|host|address|server|network|list)
        (?:host|server|connection|network|client)s? .{0,40}(?:blocked|banned|denied)
        (?:host|server|connection|network|client)s? .{0,40}(?:refused|rejected|prohibited|not allowed)
        (?:rejected|refused|denied) .{0,20}(?:connection|host\b)
        bloqu[eé]e?
        service refuse
        helo (?:command )?reject
        no(?:t)? access from
        access from ip
        spam
    """),
    (Reason.SECURITY_ERROR, r"""
        unauthenticated
        authentication (?:is )?(?:required|turned|failed|credentials)
        must (?:first )?(?:authenticate|issue a starttls)
        credentials
        access denied \(state
        \btls\b
        encryption
        certificate
        security
        insecure
        not authori[sz]ed
        permission denied
        login
        sasl
        suspicious
        you are not allowed
    """),
    (Reason.POLICY_VIOLATION, r"""
        polic(?:y|ies)
        header error
        \bviolat(?:e|ion)
        richtlinie
        politique
        restricted (?:by|att)
    """),
    # It never got there.
    (Reason.NETWORK_ERROR, r"""
        hop count
        too many hops
        (?:mail|routing|forwarding) ?loop
        loops? back
        mail loop
        hops exceeded
        too many received
        network (?:is )?unreachable
        no route to host
        unable to resolve route
        malformed or unexpected
        malformed (?:dns|name)
        address family
    """),
    (Reason.NOT_ACCEPT, r"""
        (?:host|domain)s? (?:does|do|did)(?: ?n.t| not|es not) (?:accept|receive) (?:any )?(?:e-?)?mail
        (?:server|system|recipient)s? (?:does|do|did)(?: ?n.t| not|es not) (?:accept|receive) (?:any )?(?:e-?)?mail
        null mx
        no smtp service
        not accepting (?:network |any )?(?:messages|e-?mails?)
        does not accept mail
        doesn.t (?:accept|receive) mail
        find a mail exchanger
        no mail exchanger
        no mx (?:record|host|found)
        not a mail exchanger
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
        host [^ ]{1,120} (?:is )?(?:not found|unknown)
        name (?:or )?service not known
        name service error .{0,60}host not found
        domain name (?:is |was )?(?:not found|invalid|not valid)
        domain @? ?(?:is )?not (?:found|exist|valid)
        (?:find|locate|resolve) (?:any )?(?:host|domain|the (?:host|domain))
        host address lookups failed permanently
        mx (?:records|host).{0,40}(?:non-?existent|invalid)
        domain .{0,60}does(?:n.t| not) exist
        domain .{0,40}could ?n.t be found
        (?:dominio|domaine) .{0,20}(?:no existe|inexist|inconnu)
        domain unbekannt
        no answer from dns
        bad destination (?:mailbox )?(?:system|host)
    """),
)
# fmt: on
