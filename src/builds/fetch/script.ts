/**
 * What runs in the instance that fetches: shell texts without a secret or a name in them. All that is about one
 * repository comes in variables; all that is found out goes to files in `result`, which the server reads as what a
 * stranger wrote.
 *
 * The working directory, W: `home` (git's settings), `ca.pem` where there is one, `known_hosts`, `local` (a copy of a
 * local repository), `tree` (what is fetched), `lfs` (objects that the server fetched), `result`.
 */

/** Of what git says, as much is kept. */
const MAX_ERRORS = 65_536;

/** Runs `main` with its complaints bounded: a host may have a lot to say. `done` is there only when all went well. */
const frame = (main: string): string => `
umask 022
export W=$PWD HOME=$PWD/home LC_ALL=C.UTF-8 GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false
unset GIT_DIR XDG_CONFIG_HOME SSH_ASKPASS SSH_AUTH_SOCK
rm -rf result
mkdir -p result
say() { printf '%s\\n' "$2" >"$W/result/$1"; }
# In blocks: of 1024 bytes for bash, of 512 elsewhere.
[ -n "$BASH_VERSION" ] && block=1024 || block=512
main() {
${main}
say done yes
}
exec </dev/null
{ main; } 2>&1 >/dev/null | { head -c ${MAX_ERRORS} >result/errors; cat >/dev/null; }
`;

/** Fetches one commit with its tags, refuses what unfolds to too much, checks it out, and lists what it refers to. */
export const FETCH_SCRIPT = frame(`
ulimit -f $((ERRAND_MAX_BYTES / block + 1)) || return
if [ -f "$W/ca.pem" ]; then export GIT_SSL_CAINFO="$W/ca.pem"; fi
if [ -n "$ERRAND_SSH" ]; then
  export GIT_SSH_VARIANT=ssh GIT_SSH_COMMAND="$ERRAND_SSH -o 'UserKnownHostsFile=\\"$W/known_hosts\\"'"
fi
if [ -n "$ERRAND_SSH_KEY" ]; then
  # The key is in the memory of an agent alone, and in no file.
  eval "$(ssh-agent -s)" >/dev/null || return
  trap 'ssh-agent -k >/dev/null 2>&1' EXIT
  printf '%s' "$ERRAND_SSH_KEY" | ssh-add -q - || return
  unset ERRAND_SSH_KEY
fi
url=$ERRAND_URL branch=$ERRAND_BRANCH commit=$ERRAND_COMMIT
[ -n "$url" ] || url=$W/local
git init -q --template= -- tree || return
cd tree || return
if [ -z "$branch" ] && [ -z "$commit" ]; then
  git ls-remote --symref -- "$url" HEAD >"$W/result/head" || return
  branch=$(sed -n 's/^ref: refs\\/heads\\/\\([^[:space:]]*\\)[[:space:]]HEAD$/\\1/p' "$W/result/head" | head -n 1)
  [ -n "$branch" ] || { say reason no-branch; return; }
fi
say branch "$branch"
fetch() { git fetch -q --no-recurse-submodules "$@"; }
head=refs/errand/head
if [ -z "$commit" ]; then
  fetch --depth=1 -- "$url" "+refs/heads/$branch:$head" || return
elif [ \${#commit} -lt 40 ] || ! fetch --depth=1 -- "$url" "+$commit:$head" 2>/dev/null; then
  # Not every server hands out a commit by its id: then it is looked for in the whole history.
  fetch -- "$url" '+refs/heads/*:refs/errand/heads/*' || return
  id=$(git rev-parse -q --verify "$commit^{commit}") || { say reason no-commit; return; }
  git update-ref "$head" "$id" || return
fi
id=$(git rev-parse --verify "$head^{commit}") || return
say id "$id"
git log -1 --format='%cI%n%B' "$id" | head -c 20000 >"$W/result/commit"
git ls-tree -r -t -l "$id" | awk -v files="$ERRAND_MAX_FILES" -v bytes="$ERRAND_MAX_BYTES" '
  { n++; if ($4 != "-") size += $4 }
  n > files { why = "files"; exit }
  size > bytes { why = "bytes"; exit }
  END { printf "%.0f %.0f %s\\n", n, size, why }' >"$W/result/extent"
read -r files bytes why <"$W/result/extent"
[ -z "$why" ] || { say reason "$why"; return; }
git checkout -q -f --detach "$id" || return
git ls-tree -r "$id" | sed -n 's/^160000 commit //p' | head -n 1001 >"$W/result/links"
if [ -s "$W/result/links" ]; then
  git config --blob "$id:.gitmodules" -z --list 2>/dev/null | head -c 1000000 >"$W/result/modules"
fi
# Pointers, told by the attribute that git-lfs sets, and by their size.
git ls-files -s ':(attr:filter=lfs)' | awk '{ print $2 }' | sort -u |
  git cat-file --batch-check='%(objectname) %(objecttype) %(objectsize)' |
  awk '$2 == "blob" && $3 < 1024 { print $1 }' | git cat-file --batch |
  sed -n 's/^oid sha256:\\([0-9a-f]*\\)$/oid \\1/p; s/^size \\([0-9]*\\)$/size \\1/p' >"$W/result/lfs"
if [ -s "$W/result/lfs" ] && [ -n "$ERRAND_SSH_LFS" ]; then
  set -f
  sh -c "$GIT_SSH_COMMAND"' "$@"' ssh $ERRAND_SSH_LFS | head -c 65536 >"$W/result/lfs-access"
fi
git config --blob "$id:.lfsconfig" lfs.url 2>/dev/null | head -c 4096 >"$W/result/lfs-url"
[ ! -f "$W/known_hosts" ] || cp "$W/known_hosts" "$W/result/known-hosts"
# These name the remote.
git for-each-ref --format='delete %(refname)' refs/errand | git update-ref --stdin || return
rm -rf .git/FETCH_HEAD .git/logs
`);

/** Checks out anew what LFS pointers stand for, from the objects in `lfs` and in a local repository's own store. */
export const PLACE_LFS_SCRIPT = frame(`
cat >"$W/smudge" <<'END'
pointer=$(mktemp "$W/pointer-XXXXXX") || exit
cat >"$pointer"
oid=$(head -c 1024 "$pointer" | sed -n 's/^oid sha256:\\([0-9a-f]\\{64\\}\\)$/\\1/p' | head -n 1)
ab=\${oid%\${oid#??}}
cd=\${oid#??}
cd=\${cd%\${cd#??}}
for object in "$W/lfs/$oid" "$W/local/lfs/objects/$ab/$cd/$oid"; do
  if [ -n "$oid" ] && [ -f "$object" ] && [ "$(sha256sum <"$object")" = "$oid  -" ]; then
    rm -f "$pointer"
    exec cat "$object"
  fi
done
[ -z "$oid" ] || echo "$oid" >>"$W/result/lfs-missing"
cat "$pointer"
rm -f "$pointer"
END
cd tree || return
git ls-files -z ':(attr:filter=lfs)' | xargs -0 rm -f -- || return
git -c filter.lfs.smudge='sh "$W/smudge"' -c filter.lfs.required=true checkout -q -f || return
# Files as old as the index are compared by their content, which is not the pointer that is committed.
sleep 1
touch .git/index
rm -rf .git/logs
`);
