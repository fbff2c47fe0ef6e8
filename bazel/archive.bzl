"""One static library from many: what a program that is not built with Bazel links against."""

load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

def _archives(deps, pic):
    archives = []
    for dep in deps:
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in linker_input.libraries:
                archive = library.pic_static_library if pic else library.static_library
                archive = archive or library.pic_static_library or library.static_library
                if archive and archive not in archives:
                    archives.append(archive)
    return archives

def _merged_archive_impl(ctx):
    others = _archives(ctx.attr.without, ctx.attr.pic)
    archives = [a for a in _archives(ctx.attr.deps, ctx.attr.pic) if a not in others]

    # A script for ar, which has no other way to keep two members of the same name.
    script = ctx.actions.declare_file(ctx.label.name + ".mri")
    ctx.actions.write(script, "\n".join(
        ["CREATE " + ctx.outputs.out.path] +
        ["ADDLIB " + archive.path for archive in archives] +
        ["SAVE", "END", ""],
    ))
    ctx.actions.run_shell(
        inputs = archives + [script],
        outputs = [ctx.outputs.out],
        command = "ar -M <" + script.path,
        mnemonic = "MergeArchives",
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

merged_archive = rule(
    implementation = _merged_archive_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "out": attr.output(mandatory = True),
        "without": attr.label_list(
            doc = "What these are made of is left out: it comes with another archive.",
            providers = [CcInfo],
        ),
        "pic": attr.bool(doc = "Take the position-independent objects, for a shared library."),
    },
)
