"""What a User-Agent says about who asks: a browser or mail client, a mail provider's proxy, or a program.

A program is told by the words of its family, by an address it leaves for complaints, or by not looking like a browser
at all: a browser names its platform in brackets and then products that are known here. Whoever is unfamiliar counts as
a program, so an unknown scanner never becomes a person. Our own list, by families.
"""

import re
from functools import lru_cache

# Mail providers that load pictures for their readers: a person's open, through somebody else.
_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
# Apple's Mail Privacy Protection loads every picture beforehand and says nothing but this.
_BARE = "Mozilla/5.0"

# An address to complain to: no browser leaves one.
_CONTACT = re.compile(
    r"https?:|www\.|\w\.(?:com|net|org|io|de|ru|fr|ai|info|eu)\b|[\w.+-]+(?:@|\[at\]| at )[\w-]+\.\w", re.IGNORECASE
)
_ROLES = re.compile(
    r"(?<!cu)bot(?:s?\b|[/_.-]|(?=\w*/))|robot|crawl|spider|slurp|scrap[ey]|scan|fetch|monitor|uptime|probe|check|"
    r"preview|archiv|index(?:er|ing)|validat|analy[sz]|audit|harvest|collector|extract|grabber|reaper|sniff|download|"
    r"mirror|copier|wayback|survey|research|headless|phantom|selenium|webdriver|puppeteer|playwright|cypress|slimer|"
    r"prerender|lighthouse|pagespeed|gtmetrix|pingdom|site24x7|newrelic|datadog|synthetic|feed|\brss|podcast|"
    r"aggregator|newsblur|inoreader|favicon|thumb(?:nail|shot)|screenshot|capture|snapshot|embed|unfurl|link ?expand|"
    r"transcod|translat|wappalyzer|builtwith|\bseo|backlink|ahrefs|semrush|majestic|verif|spam|hunter|security",
    re.IGNORECASE,
)
_LIBRARIES = re.compile(
    r"\b(?:python|urllib|aiohttp|httpx|requests/|pycurl|scrapy|mechanize|twisted|l?i?b?curl\b|wget|libwww|lwp|perl\b|"
    r"java/|java\b(?!script)|jakarta|apache-http|http-?client|http_request|okhttp|ktor|jersey|netty|vert\.x|"
    r"go-http|golang|go \d\.\d package|fasthttp|resty|colly|node(?:js|/|-)|undici|axios|got[/ ]\(?|superagent|"
    r"needle/|deno/|"
    r"bun/|php\b|guzzle|symfony|ruby|faraday|typhoeus|httparty|mojolicious|rust\b|reqwest|hyper/|ureq|dart[/:]|alamofire|"
    r"winhttp|wininet|powershell|windowspowershell|dotnet|restsharp|postman|insomnia|httpie|jmeter|k6/|siege|"
    r"apachebench|heritrix|nutch|httrack|webzip|teleport|larbin|offline|nmap|nikto|sqlmap|masscan|zgrab|nuclei|"
    r"zaproxy|ffuf|gobuster|wpscan|libfetch|libsoup|gvfs|gnome-vfs|http(?:lib|unit|kit)|lua-resty|erlang|hackney|"
    r"elixir|clojure|scala|akka|finagle|jetty|wordpress|drupal|magento|zend|snoopy|winhttprequest)",
    re.IGNORECASE,
)
_GATES = re.compile(
    r"proofpoint|mimecast|barracuda|messagelabs|symantec|fireeye|trellix|forcepoint|fortiguard|fortinet|sophos|"
    r"trend ?micro|zscaler|ironport|cisco|bitdefender|kaspersky|netcraft|phish|virustotal|safebrowsing|smartscreen|"
    r"safelinks|hornet|retarus|cloudmark|\bvade|agari|office protocol|existence discovery|facebookexternal|"
    r"facebookcatalog|facebookplatform|meta-external|whatsapp|viber|telegram(?!-android)|skypeuri|mastodon|pleroma|"
    r"misskey|iframely|vkshare|pinterest/\d|tumblr|flipboard|ia_archiver|mediapartners|apis-google|"
    r"google(?:-|other|web|docs|producer|association)|yandex(?!search|\.?mail|\.?browser)|baidu(?!browser|boxapp)|yeti/|daum(?!apps)|"
    r"seznam|amazon(?!webapp)|gpt|openai|anthropic|claude|perplexity|cohere|bytespider|diffbot|duckassist|cloudflare",
    re.IGNORECASE,
)

# Where a browser runs: what stands in the first brackets.
_PLATFORM = re.compile(
    r"Windows(?: NT| Phone|; |;| 9| CE|\))|Macintosh|Mac OS X|iPhone|iPad|iPod|X11|Wayland|Linux|Android|CrOS|FreeBSD|"
    r"OpenBSD|PlayStation|Nintendo|Xbox|SMART-TV|SmartTV|Tizen|Web0S|webOS|KAIOS|Mobile;|Tablet;|BB10|BlackBerry|PlayBook|"
    r"Symbian|Series ?[46]0|MeeGo|HarmonyOS|OpenHarmony|MSIE \d|Darwin|Apple ?TV|visionOS|Watch"
)
_BROWSER = re.compile(
    r"(?:Mozilla/[45]\.0|Opera/\d+\.\d+) \((?P<platform>(?:[^()]|\([^()]*\))*)\)(?P<products>.*)", re.DOTALL
)
_KNOWN = frozenset(
    """
    applewebkit gecko khtml like presto trident chrome chromium crios crmo safari mobile version firefox fxios focus
    klar edge edg edga edgios edgw opr opera opios opt opx opxios opm oprgx mini touch samsungbrowser samsung ucbrowser
    ubrowser uws miuibrowser xiaomi miui mint yabrowser yowser yasearchbrowser yasearchapp yaapp yandexsearch vivaldi
    brave bravebrowser ddg duckduckgo silk silk-accelerated whale naver kakaotalk inapp line puffin quark qqbrowser
    mqqbrowser micromessenger wechat metasr maxthon mxbrowser mxnitro heytapbrowser oppobrowser vivobrowser
    huaweibrowser hbpc hmscore hwbrowser honorbrowser realmebrowser coc_coc_browser avast avg ccleaner norton
    avastsecurebrowser avira iron sleipnir waterfox palemoon goanna basilisk seamonkey thunderbird lightning betterbird
    icedove iceweasel icecat librewolf floorp zen mullvad tor epiphany gnome web falkon qupzilla konqueror khtml otter
    midori dolphin aloha alohabrowser ecosia ecosiaios ecosiaandroid kiwi via lightspeed arc dia comet atlas sidekick
    instagram fban fbav fbios fb4a fb_iab messenger messengerlite barcelona threads twitter x tiktok musical_ly
    bytedancewebview bytelocale trill snapchat pinterest linkedinapp linkedin gsa googleapp yahoomobile yahoo reddit
    nextdoor outlook outlook-ios outlook-android microsoft office word excel powerpoint ms-office msoffice owa teams
    skype slack slack_ssb discord signal notion spark airmail mailspring mailbird postbox canary newton edison boomer
    superhuman missive front em client emclient electron nativefier ms-teams msteams outlookmobile gmx webde
    de.gmx.mobile.android.mail de.web.mobile.android.mail mailapp gmail inbox protonmail proton tutanota fastmail zoho
    zohomail samsungemail samsungmail email mail mailmaster aquamail bluemail nine k-9 fairemail hcl verse notes
    lotus-notes webview wv build ubuntu fedora debian gentoo mint elementary suse opensuse mandriva centos slackware
    novarra nokiabrowser browserng series60 nokia iemobile edgehtml zunewp7 webos wosbrowser hpwos tizenbrowser
    smarttv netcast playstation nintendobrowser nx netfront obigo ucweb jsky polaris dorado teleca semc sonyericsson
    jp kddi docomo softbank ios android linux windows macos aol aolbuild maxthon slimbrowser lunascape avant
    greenbrowser theworld se 360se qihu 360ee 360browser lbbrowser tencenttraveler qq qqdownload bidubrowser
    baidubrowser
    baiduboxapp baiduboxlite sogoumobilebrowser sogoumsebrowser aweme newsarticle nettype language weibo alipayclient
    alipaydefined dingtalk taobao zhihu xiaohongshu chromeframe gtb infopath media center pc clr net cla
    for iphone ipad tv kaios telegram-android appletv crkey silk-accelerated
    """.split()  # noqa: SIM905 - words read better as words
)
# Mail clients and small browsers that do not begin like a browser.
_CLIENTS = re.compile(
    r"Outlook-(?:iOS|Android)|Outlook-Express|Microsoft (?:Office|Outlook|Word)|MacOutlook|Mail/\d|AppleMail|iOS Mail|"
    r"iPhone Mail|Thunderbird|Icedove|K-9|FairEmail|AquaMail|BlueMail|TypeApp|Nine/|Spark|Readdle|Airmail|eM ?Client|"
    r"eMClient|Mailbird|Mailspring|Postbox|The Bat|Lotus-Notes|HCL-Notes|Evolution|KMail|Kontact|Claws|Sylpheed|"
    r"SeaMonkey|MailMate|Superhuman|Canary|Newton|Edison|Polymail|Missive|Zimbra|Roundcube|GMX|WEB\.DE|de\.gmx|de\.web|"
    r"com\.google\.android\.gm|com\.samsung\.android\.email|com\.microsoft\.office\.outlook|ProtonMail|Tutanota|"
    r"Fastmail|Zoho|YahooMobile|Dalvik/|Opera Mini|Opera/9|NokiaX?\d|SAMSUNG-|BlackBerry\d|SonyEricsson|"
    r"(?:Links|Lynx|w3m)(?: |/)",
)


@lru_cache(maxsize=4_096)
def look(agent: str) -> tuple[str, str | None]:
    """Return human, proxy, machine or unknown for a User-Agent, with the reason where it is no person."""
    if not agent.strip():
        return "unknown", "no_agent"
    if _PROXIES.search(agent):
        return "proxy", "mail_proxy"
    if agent == _BARE:
        return "machine", "mail_privacy"
    if _LIBRARIES.search(agent):
        return "machine", "library"
    if _CONTACT.search(agent) or _ROLES.search(agent) or _GATES.search(agent):
        return "machine", "crawler"
    return ("human", None) if _familiar(agent) else ("machine", "unfamiliar_agent")


def _familiar(agent: str) -> bool:
    browser = _BROWSER.match(agent)
    if browser is None:
        return _CLIENTS.match(agent) is not None
    platform, products = browser["platform"], browser["products"]
    if (
        not _PLATFORM.search(platform)
        or "compatible;" in products
        or ("compatible" in platform and "MSIE" not in platform)
    ):
        return False
    return all(name in _KNOWN for name in _products(products))


def _products(text: str) -> list[str]:
    """Return the names of the products behind the platform: what stands before a slash, outside brackets."""
    outside = re.sub(r"\([^()]*\)|\[[^\]]*\]", " ", text)
    return [word.partition("/")[0].lower() for word in outside.split() if word[0].isalpha()]
