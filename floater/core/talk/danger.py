"""Which files may run a program when they are opened, by the ending of their name."""

from typing import Final

DANGEROUS_ENDINGS: Final = frozenset(
    (
        # programs, installers and packages
        "apk app appimage appx appxbundle bat bin cmd com cpl crx deb dmg exe flatpakref gadget ipa jar jnlp "
        "mpkg msi msix msixbundle msp mst pif pkg rpm run scr snap xpi "
        # scripts, and what starts a program with its arguments
        "action applescript appref-ms application bash chm command csh desktop diagcab fish hta inf ins isp "
        "js jse ksh lnk mobileconfig msc osx ps1 ps1xml ps2 psc1 psc2 psd1 psm1 py pyw rdp reg scf scpt sct "
        "service settingcontent-ms sh shb shs terminal theme themepack tool url vb vbe vbs webloc workflow "
        "ws wsc wsf wsh zsh "
        # disks and folders, whose files bear no mark of where they came from
        "img iso library-ms search-ms searchconnector-ms udf vhd vhdx "
        # pages and pictures with scripts
        "htm html mht mhtml shtml svg svgz xht xhtml xsl xslt "
        # documents with macros or code
        "ade adp docm dotm mdb mde one potm ppam ppsm pptm sldm slk wiz xlam xll xlm xlsb xlsm xltm"
    ).split()
)
"In lower case, without the dot; systems ignore case here. The person is warned before accepting such a file."
